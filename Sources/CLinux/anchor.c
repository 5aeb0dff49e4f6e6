// SPDX-License-Identifier: Apache-2.0
// The headers hold only inline functions; a C target needs one file to compile.

// SPDX-License-Identifier: Apache-2.0

/// Of this source, which both programs are made of.
public enum Version {
    public static let text = "0.1.0"
}

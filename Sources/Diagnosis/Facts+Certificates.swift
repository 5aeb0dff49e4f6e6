// SPDX-License-Identifier: Apache-2.0

extension Facts {
    /// A certificate of a listener, as this host's files have it now.
    public struct Certificate: Hashable, Sendable {
        public var listener: String
        /// What is wrong with the listener's files; nothing is known of what they hold then.
        public var fault: String?
        public var names: [String]
        /// Whole days until it expires; below 0: it has.
        public var days: Int

        public init(listener: String, fault: String? = nil, names: [String] = [], days: Int = 0) {
            self.listener = listener
            self.fault = fault
            self.names = names
            self.days = days
        }
    }
}

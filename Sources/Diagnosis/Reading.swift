// SPDX-License-Identifier: Apache-2.0

/// A fact, or why it is not known.
public enum Reading<Value> {
    case known(Value)
    case unknown(String)

    public var value: Value? {
        if case .known(let value) = self { return value }
        return nil
    }
}

extension Reading: Equatable where Value: Equatable {}
extension Reading: Hashable where Value: Hashable {}
extension Reading: Sendable where Value: Sendable {}

// SPDX-License-Identifier: Apache-2.0

/// How long a lease is, and how often and how long its holder tries to renew it; the rules are those of Kubernetes'
/// client-go, which many clusters have tried.
public struct LeaseTiming: Hashable, Sendable {
    /// How long the store keeps the lock for a holder that is silent.
    public let lease: Duration
    /// A holder that could not renew for so long stops, well before the store lets another in.
    public let renewWithin: Duration
    /// How often it renews, and how soon it tries again.
    public let retry: Duration

    /// 15 s, 10 s and 2 s, as in client-go.
    public static let standard = LeaseTiming(checked: .seconds(15), .seconds(10), .seconds(2))

    /// Refuses what is not lease > renewWithin > retry x 1.2, in one line.
    public init(lease: Duration, renewWithin: Duration, retry: Duration) throws {
        guard retry > .zero, lease > renewWithin, renewWithin * 5 > retry * 6 else {
            throw StoreError.settings(
                "lease \(lease), renew within \(renewWithin), retry \(retry): the lease must be longer than the time "
                    + "to renew it, and that longer than 1.2 times the retry, as in 15 s, 10 s, 2 s")
        }
        self.init(checked: lease, renewWithin, retry)
    }

    /// Two thirds of the lease to renew in and a seventh between tries, as the standard has it.
    public init(lease: Duration) throws { try self.init(lease: lease, renewWithin: lease * 2 / 3, retry: lease / 7) }

    private init(checked lease: Duration, _ renewWithin: Duration, _ retry: Duration) {
        self.lease = lease
        self.renewWithin = renewWithin
        self.retry = retry
    }
}

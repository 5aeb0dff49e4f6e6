// SPDX-License-Identifier: Apache-2.0

/// The places at which responses are counted by their status: one for each code that IANA's registry has, so that what
/// backends make up does not make series.
enum StatusCodes {
    /// By place.
    static let names: [String] = ["none", "other"] + registered.map { "\($0)" }

    /// No final response went out.
    static let none = 0
    /// A code that nobody has registered.
    static let other = 1

    /// HTTP Status Code Registry, those of final responses and 101.
    private static let registered: [UInt16] =
        [101] + Array(200...208) + [226] + Array(300...308) + Array(400...418) + Array(421...426)
        + [428, 429, 431, 451] + Array(500...508) + [510, 511]

    /// The place of each status below 600.
    static func places() -> FlatArray<UInt8> {
        var places = [UInt8](repeating: UInt8(other), count: 600)
        places[0] = UInt8(none)
        for (place, code) in registered.enumerated() { places[Int(code)] = UInt8(place + 2) }
        return FlatArray(places)
    }
}

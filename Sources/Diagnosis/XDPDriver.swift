// SPDX-License-Identifier: Apache-2.0

/// What is known of a network driver's XDP, by the name that ethtool(8) says.
struct XDPDriver {
    let name: String

    var hasNative: Bool { Self.native.contains(name) }

    /// The largest MTU of a program that takes frames in one piece. A piece is a page less headroom and tail; how much
    /// of
    /// it is left for the packet differs.
    var mtuMax: UInt16 { Self.mtuMax[name] ?? 3400 }

    /// Programs may take frames of several pieces, of which larger packets consist.
    var takesPieces: Bool { Self.pieces.contains(name) }

    /// Drivers with `ndo_bpf` for XDP in Linux 6.12.
    private static let native: Set<String> = [
        "am65-cpsw-nuss", "bnxt_en", "bonding", "cpsw", "ena", "fec", "fsl_dpa", "fsl_dpaa2_eth", "fsl_enetc",
        "fsl_enetc_vf", "funeth", "gve", "hv_netvsc", "i40e", "ice", "igb", "igc", "ixgbe", "ixgbevf", "lan966x-switch",
        "mana", "mlx4_en", "mlx5_core", "mtk_soc_eth", "mvneta", "mvpp2", "netdevsim", "nfp", "qede", "rvu-nicpf",
        "rvu-nicvf", "sfc", "st_gmac", "thunder-nicvf", "tsnep", "tun", "veth", "vif", "virtio_net", "vmxnet3",
    ]

    /// 4,096 bytes less XDP_PACKET_HEADROOM (256), struct skb_shared_info (320) and the link's header: 14, or 22 where
    /// the driver counts a tag and the checksum.
    private static let mtuMax: [String: UInt16] = [
        "veth": 3506, "virtio_net": 3506, "mlx5_core": 3498, "ena": 3498,
    ]

    private static let pieces: Set<String> = [
        "bnxt_en", "fsl_enetc", "i40e", "ice", "mlx5_core", "mvneta", "veth", "vif", "virtio_net",
    ]
}

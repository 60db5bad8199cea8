/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a cgroup_skb program is given: layouts of the user ABI (include/uapi/linux/bpf.h), by hand and in full, since the
 * verifier goes by their offsets; and the headers of a packet.
 */
#pragma once

enum { BPF_MAP_TYPE_SK_STORAGE = 24 };
enum { BPF_SK_STORAGE_GET_F_CREATE = 1 };
enum { SOCK_RAW = 3 };
enum { PACKET_HOST = 0 };
enum {
	IPPROTO_HOPOPTS = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_UDP = 17,
	IPPROTO_DCCP = 33,
	IPPROTO_ROUTING = 43,
	IPPROTO_FRAGMENT = 44,
	IPPROTO_AH = 51,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_DSTOPTS = 60,
	IPPROTO_SCTP = 132,
	IPPROTO_UDPLITE = 136,
};

struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;     /* network byte order, as the addresses below */
	__u32 src_ip6[4];
	__u32 src_port;    /* host byte order */
	__be16 dst_port;   /* network byte order */
	__u16 : 16;
	__u32 dst_ip4;
	__u32 dst_ip6[4];
	__u32 state;
	__s32 rx_queue_mapping;
};

struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;
	__u32 vlan_present;
	__u32 vlan_tci;
	__u32 vlan_proto;
	__u32 priority;
	__u32 ingress_ifindex;
	__u32 ifindex;
	__u32 tc_index;
	__u32 cb[5];
	__u32 hash;
	__u32 tc_classid;
	__u32 data;
	__u32 data_end;
	__u32 napi_id;
	__u32 family;
	__u32 remote_ip4;
	__u32 local_ip4;
	__u32 remote_ip6[4];
	__u32 local_ip6[4];
	__u32 remote_port;
	__u32 local_port;
	__u32 data_meta;
	__u64 flow_keys __attribute__((aligned(8)));
	__u64 tstamp;
	__u32 wire_len;
	__u32 gso_segs;
	struct bpf_sock *sk __attribute__((aligned(8)));
	__u32 gso_size;
};

/* Kernel types that only these programs read; what follows ___ is not part of the kernel's name (CO-RE). */
struct sk_buff {
	struct sock *sk;
} KERNEL_TYPE;

struct socket___file {
	struct file *file;
} KERNEL_TYPE;

struct sock___file {
	struct socket___file *sk_socket;
} KERNEL_TYPE;

struct ipv4_header {
	__u8 version_length;
	__u8 service;
	__be16 total_length;
	__be16 identification;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};
_Static_assert(sizeof(struct ipv4_header) == 20, "RFC 791");

struct ipv6_header {
	__be32 version_class_label;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__u8 source[16];
	__u8 destination[16];
};
_Static_assert(sizeof(struct ipv6_header) == 40, "RFC 8200");

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a program at cgroup/getsockopt sees (include/uapi/linux/bpf.h), as far as it is read. User ABI: not relocated, the verifier
 * translates it. Included by tcp.bpf.c only.
 */
#pragma once

#define SOL_SOCKET 1 /* include/uapi/asm-generic/socket.h */
#define SO_ERROR 4
#define PAGE_BYTES 4096

enum { BPF_MAP_TYPE_SK_STORAGE = 24 };
enum { BPF_SK_STORAGE_GET_F_CREATE = 1 };

struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;
	__u32 src_ip6[4];
	__u32 src_port;
	__be16 dst_port;
	__u16 : 16;
	__u32 dst_ip4;
	__u32 dst_ip6[4];
	__u32 state;
};

struct bpf_sockopt {
	struct bpf_sock *sk __attribute__((aligned(8)));
	void *optval __attribute__((aligned(8)));
	void *optval_end __attribute__((aligned(8)));
	__s32 level;
	__s32 optname;
	__s32 optlen;
	__s32 retval;
};

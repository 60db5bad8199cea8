/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The few kernel types the programs read, by hand. Only names and types matter: offsets are relocated against the
 * running kernel's BTF when the object is loaded (CO-RE), so a struct here lists just the fields that are used.
 */
#pragma once

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

#define E2BIG 7 /* include/uapi/asm-generic/errno-base.h */
#define EEXIST 17

enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1024 };
enum { BPF_RB_NO_WAKEUP = 1 };
enum { AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6, IPPROTO_MPTCP = 262 };

/* include/net/tcp_states.h: part of the user ABI, so plain numbers. */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_CLOSE = 7,
	TCP_LISTEN = 10,
	TCP_NEW_SYN_RECV = 12,
};

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct in6_addr {
	__u8 in6_u[16];
};

struct ns_common {
	unsigned int inum;
} KERNEL_TYPE;

struct net {
	struct ns_common ns;
} KERNEL_TYPE;

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	possible_net_t skc_net;
	atomic64_t skc_cookie;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} KERNEL_TYPE;

struct kernfs_node {
	const char *name;
	__u64 id;
} KERNEL_TYPE;

struct cgroup {
	struct kernfs_node *kn;
} KERNEL_TYPE;

struct sock_cgroup_data {
	struct cgroup *cgroup;
} KERNEL_TYPE;

struct atomic {
	int counter;
};

typedef struct atomic atomic_t;

struct qspinlock {
	atomic_t val;
} KERNEL_TYPE;

struct raw_spinlock {
	struct qspinlock raw_lock;
} KERNEL_TYPE;

struct spinlock {
	struct raw_spinlock rlock;
} KERNEL_TYPE;

typedef struct {
	struct spinlock slock;
	int owned;
} KERNEL_TYPE socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	int sk_err;
	__u8 sk_shutdown;
	__u16 sk_protocol;
	__u32 sk_max_ack_backlog;
	struct sock_cgroup_data sk_cgrp_data;
	void *sk_bpf_storage;
} KERNEL_TYPE;

struct inet_sock {
	__be16 inet_sport;
} KERNEL_TYPE;

struct minmax_sample {
	__u32 t;
	__u32 v;
} KERNEL_TYPE;

struct minmax {
	struct minmax_sample s[3];
} KERNEL_TYPE;

struct tcp_sock {
	__u32 segs_in;
	__u32 segs_out;
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 tcp_clock_cache;
	__u32 rcv_nxt;
	__u32 total_retrans;
	__u32 srtt_us;
	struct {
		__u32 seq;
		__u64 time; /* microseconds of CLOCK_MONOTONIC */
	} rcvq_space;
	struct minmax rtt_min;
} KERNEL_TYPE;

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

struct mptcp_sock {
	struct list_head conn_list;
	struct sock *first;
} KERNEL_TYPE;

struct mptcp_subflow_context {
	struct list_head node;
	struct sock *tcp_sock;
} KERNEL_TYPE;

struct socket {
	struct sock *sk;
} KERNEL_TYPE;

struct qstr {
	const unsigned char *name;
} KERNEL_TYPE;

struct dentry {
	struct qstr d_name;
} KERNEL_TYPE;

struct path {
	struct dentry *dentry;
} KERNEL_TYPE;

struct file {
	struct path f_path;
} KERNEL_TYPE;

struct mm_struct {
	struct file *exe_file;
} KERNEL_TYPE;

struct pid_namespace {
	struct ns_common ns;
} KERNEL_TYPE;

struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
} KERNEL_TYPE;

struct task_struct {
	int tgid;
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	char comm[16];
} KERNEL_TYPE;


struct bpf_iter__task_file {
	struct task_struct *task;
	struct file *file;
} KERNEL_TYPE;

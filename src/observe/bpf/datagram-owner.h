/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Whose a socket is, and where it lives. Included by datagram.bpf.c only. */
#pragma once

/* The kernel's own view of the packet's socket, as a number: helpers take no pointer arithmetic on a socket. */
static __always_inline struct sock *kernel_socket(struct __sk_buff *skb)
{
	struct sk_buff *buffer = (struct sk_buff *)skb;
	struct sock *sk = 0;

	bpf_core_read(&sk, sizeof(sk), &buffer->sk);
	return sk;
}

static __always_inline __u32 namespace_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* A socket of the kernel's own has no file. */
static __always_inline bool is_of_program(struct sock *sk)
{
	return BPF_CORE_READ((struct sock___file *)sk, sk_socket, file) != 0;
}

static __always_inline void read_task(struct owner *owner, struct task_struct *task)
{
	owner->process = BPF_CORE_READ(task, tgid);
	read_process_name(owner->process_name, task);
}

/* Where a socket lives, when its first packet is seen. Returns false for what is not a whole socket. */
static __always_inline bool place_socket(struct __sk_buff *skb, struct owner *owner)
{
	struct bpf_sock *sk = skb->sk;
	__u32 network_namespace = namespace_of(kernel_socket(skb));

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return false;
	owner->is_raw = sk->type == SOCK_RAW;
	owner->cgroup_id = bpf_skb_cgroup_id(skb);
	owner->scope = hash_scope(owner->cgroup_id, network_namespace);
	/* Last, and seen last: another processor takes it to mean that the rest is there. */
	__sync_lock_test_and_set(&owner->network_namespace, network_namespace);
	return true;
}

/*
 * Who sends, as far as that is known when a packet leaves: the task that runs now, when the socket is a program's and its
 * protocol sends nothing by itself. Else who made the socket.
 */
static __always_inline void read_sender(struct __sk_buff *skb, struct owner *owner, __u8 protocol)
{
	if (owner->is_kernels || protocol == IPPROTO_SCTP)
		return;
	if (is_of_program(kernel_socket(skb)))
		read_task(owner, bpf_get_current_task_btf());
	else
		owner->is_kernels = 1;
}

static __always_inline void name_owner(struct __sk_buff *skb, struct flow *flow, struct owner *owner, bool is_egress)
{
	if (is_egress)
		read_sender(skb, owner, flow->key.protocol);
	if (owner->process == 0)
		return;
	__builtin_memcpy(flow->process_name, owner->process_name, 16);
	flow->process = owner->process;
}

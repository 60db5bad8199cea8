/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The hash of a flow, which is its key in `flows`. Included by datagram.bpf.c only. */
#pragma once

/*
 * NH, the hash of UMAC (RFC 4418 §5.2.2): whoever does not know the keys cannot choose flows that meet. Products of 32-bit
 * sums that do not wait for each other.
 */
static __always_inline __u64 multiply(__u64 word, const int key)
{
	return (__u64)((__u32)word + hash_keys[key]) * (__u32)((word >> 32) + hash_keys[key + 1]);
}

static __always_inline __u64 hash_scope(__u64 cgroup_id, __u32 network_namespace)
{
	return multiply(cgroup_id, 0) + multiply(network_namespace, 2);
}

static __always_inline __u64 hash_flow(const struct flow_key *key, __u64 scope)
{
	const __u64 *local = key->local_address.words;
	const __u64 *remote = key->remote_address.words;
	__u64 hash = scope + multiply((__u64)key->protocol << 32 | key->ports.word, 4);

	if (is_ipv4(&key->local_address) && is_ipv4(&key->remote_address))
		return hash + multiply(local[1] >> 32 | (remote[1] & 0xffffffff00000000), 6);
	return hash + multiply(local[0], 6) + multiply(local[1], 8) + multiply(remote[0], 10) + multiply(remote[1], 12);
}

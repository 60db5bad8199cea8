/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* DNS messages copied for user space, as the workload sent and saw them. Included by datagram.bpf.c only. */
#pragma once

#define DNS_PORT 53
#define DNS_HEADER 12 /* octets of the fixed part of a message, RFC 1035 section 4.1.1 */
/* Most messages are short, and the ring buffer's records have fixed sizes. */
#define DNS_SHORT 256
#define DNS_LONG 1232 /* what resolvers send without IP fragments (DNS flag day 2020) */

/* `room` is a constant, the message's place in the record; `length` is at least DNS_HEADER and at most `room`. */
static __always_inline bool copy_message(struct __sk_buff *skb, const struct packet *packet, const struct owner *owner,
					 bool is_egress, __u64 now, __u32 length, const __u32 room)
{
	struct dns_packet *record = bpf_ringbuf_reserve(&dns_packets, sizeof(*record) + room, 0);
	__u32 beyond = length - DNS_HEADER;

	if (!record)
		return false;
	record->seen_nanoseconds = now;
	record->cgroup_id = packet->key.cgroup_id;
	record->network_namespace = packet->key.network_namespace;
	record->process = owner->process;
	record->local_port = packet->key.ports.local;
	record->message_length = length;
	record->is_answer = !is_egress;
	__builtin_memset(record->reserved, 0, sizeof(record->reserved));
	__builtin_memcpy(record->resolver_address, packet->key.remote_address.bytes, 16);
	__builtin_memcpy(record->local_address, packet->key.local_address.bytes, 16);
	__builtin_memcpy(record->process_name, owner->process_name, 16);
	/* A number of its own, from which Linux 6.1's verifier learns that the length is not 0. */
	asm volatile("" : "+r"(beyond));
	if (beyond > room - DNS_HEADER ||
	    bpf_skb_load_bytes(skb, packet->header_length + 8, record + 1, beyond + DNS_HEADER))
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return true;
}

static __always_inline void copy_dns(struct __sk_buff *skb, const struct packet *packet, const struct owner *owner,
				     bool is_egress, __u64 now)
{
	__u32 offset = packet->header_length + 8;
	__u32 length = skb->len - offset;
	struct datagram_losses *lost;
	bool is_copied;

	if (packet->header_length == 0 || skb->len < offset + DNS_HEADER) /* a later fragment; too short */
		return;
	if (length <= DNS_SHORT)
		is_copied = copy_message(skb, packet, owner, is_egress, now, length, DNS_SHORT);
	else
		is_copied = copy_message(skb, packet, owner, is_egress, now, length > DNS_LONG ? DNS_LONG : length, DNS_LONG);
	if (is_copied)
		return;
	lost = get_losses();
	if (lost)
		__sync_fetch_and_add(&lost->dns_lost, 1);
}

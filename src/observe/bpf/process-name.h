/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a process is called: the comm of its thread group's leader. Where that names the first thread's part only, as Node 24
 * and many C++ programs have it, the name of the file it runs: a process that has ended cannot be asked for it later.
 */
#pragma once

#define PROCESS_NAME_SIZE 16 /* TASK_COMM_LEN */

static __always_inline bool names_a_thread(const char *name)
{
	static const char main_thread[] = "MainThread";

	if (name[0] == 'M' && name[1] == 'a') {
		for (int i = 2; i < (int)sizeof(main_thread); i++)
			if (name[i] != main_thread[i])
				return name[2] == 'i' && name[3] == 'n' && name[4] == 0;
		return true;
	}
	return name[0] == 'm' && name[1] == 'a' && name[2] == 'i' && name[3] == 'n' && name[4] == 0;
}

/* Fills `name`, NUL terminated and aligned to 4. A kernel thread has no file, and keeps its comm. */
static __always_inline void read_process_name(char *name, struct task_struct *task)
{
	const __u32 *comm = (const __u32 *)task->group_leader->comm;
	__u32 *words = (__u32 *)name;
	struct dentry *program;

	for (int i = 0; i < PROCESS_NAME_SIZE / 4; i++)
		words[i] = comm[i];
	if (!names_a_thread(name))
		return;
	/* The verifier knows what these point to: a load through a pointer that is 0 reads 0. */
	program = task->mm->exe_file->f_path.dentry;
	if (program)
		bpf_probe_read_kernel_str(name, PROCESS_NAME_SIZE, program->d_name.name);
}

/* A control group for one attempt: the kernel keeps its limits, counts what it used and knows
 * whether memory ran out. Where no hierarchy can be written there is none, and nothing here fails:
 * the supervisor then watches by itself, and the offer says `advisory` (decisions.md, "Isolation").
 *
 * Version 2 of the interface is one tree, version 1 one for each controller; a machine may have
 * both. A group is made below our own, so that the limits of the service hold for its jobs. */
#ifndef DRIVER_CGROUP_H
#define DRIVER_CGROUP_H

#include <sys/types.h>
#include "text/base.h"
#include "text/json.h"

#define CGROUP_NOTE "cgroup" /* in the attempt's directory: what was made, for who cleans up */

enum control { CONTROL_PROCESSES, CONTROL_MEMORY, CONTROL_CORES, CONTROL_TIME, CONTROLS };

struct cgroup {
    char *dir[CONTROLS]; /* where this controller's files are; NULL: not to be had */
    bool two[CONTROLS];  /* version 2 */
};

struct cgroup_place {
    const char *group; /* to make it in, from the root of the hierarchies, as in /proc/self/cgroup;
                        * NULL our own */
    bool settled;      /* somebody else has arranged it: no process is moved out of the way */
};

/* 0: no limit. */
struct cgroup_limits {
    int64_t memory;          /* bytes, and no swap */
    int64_t cores, maxcores; /* thousandths: its share when others want some, and the most */
    int64_t processes;
};

/* `name` is the stamp. What is made is noted in the file `note` before; NULL: nowhere.
 * For cgroup_remove. */
void cgroup_make(struct cgroup *g, const char *name, const struct cgroup_place *place,
                 const struct cgroup_limits *limits, const char *note);
/* A process goes in, with all it will start. A group it may not go into is removed again. */
void cgroup_enter(struct cgroup *g, pid_t pid);
/* Bytes that no file on disk holds, now; -1: not known. */
int64_t cgroup_memory(const struct cgroup *g);
/* Milliseconds of processors, of all that was ever in it; -1: not known. */
int64_t cgroup_cpu(const struct cgroup *g);
/* Did the kernel end a process in it, because its memory was used up? */
bool cgroup_ran_out(const struct cgroup *g);
/* Ends whatever is in it, and removes it. False: some of it is still there. */
bool cgroup_remove(struct cgroup *g);

/* Removes what a supervisor that died left: the groups of this name that the note has, and the
 * note. False: some are still there, and the note as well. */
bool cgroup_sweep(const char *note, const char *name);

/* Makes one, goes in with a child, and removes it, and what an earlier one that was ended left:
 * adds `cores`, `memory` and `processes` each to the one list or the other. */
void cgroup_probe(const char *place, json_t *enforced, json_t *advisory);

#endif

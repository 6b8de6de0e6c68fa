/* One attempt of one job on this machine: a process that outlives the worker, starts the sandbox,
 * watches it and writes down how it ended (driver.md, decisions.md, "Supervisor").
 *
 * The attempt's directory holds: started (made once, with O_EXCL: the fence), alive (locked while
 * the supervisor lives; never a pid), control (a FIFO), suspended (while it is), cgroup (while
 * there is one), exit.json (the record, last). */
#ifndef DRIVER_SUPERVISOR_H
#define DRIVER_SUPERVISOR_H

#include <sys/types.h>
#include "cgroup.h"
#include "container.h"
#include "disk.h"
#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

#define OUTPUT_MAX (64ll << 20) /* of stdout and of stderr; more is counted and dropped */
#define GRACE_MS 5000           /* between SIGTERM and SIGKILL */

/* Starts it for one line of `submit`. 0 when the program is running, or was started before; -1 when
 * nothing was started. */
int supervisor_start(const json_t *line, const json_t *config, struct err *err);
/* The same in the caller's own process, until the program has ended: for a batch script. SIGTERM
 * ends the program. */
int supervisor_attend(const json_t *line, const json_t *config, struct err *err);

/* watch.c: from the start of the sandbox to its end. */
struct watch {
    pid_t pid;                             /* bubblewrap, or the client of the container engine */
    const struct container_run *container; /* NULL: bubblewrap */
    int init;                              /* the line of execdm-init */
    int info;                              /* bubblewrap's child-pid */
    int out[2];                            /* pipes of stdout and stderr */
    int files[2];                          /* where they go */
    int control;                           /* T: terminate, S: suspend, R: resume */
    char *suspended;                       /* the file that is there while it is */
    struct cgroup group;                   /* or none of it */
    struct disk disk;
    int64_t memory;  /* limit in bytes, 0 none */
    int64_t wall_ms; /* limit, 0 none */
    /* found out */
    struct buf told, info_text;
    int64_t written[2], dropped[2];
    int64_t peak;       /* bytes */
    int64_t cpu_ms;     /* of all its processes, -1: ask execdm-init */
    const char *reason; /* NULL, or memlimit, disklimit, timelimit, killed */
    pid_t child;        /* pid 1 of the sandbox as seen from here */
    int childfd;        /* its pidfd: readable when everything in the sandbox is gone */
    bool stopped;       /* suspended */
    bool ran_out;       /* the kernel ended something in the container for want of memory */
    bool closed;        /* nobody can open the FIFO of execdm-init any more */
    bool running;       /* the program itself, no longer the sandbox being made */
};
void watch_run(struct watch *w);

#endif

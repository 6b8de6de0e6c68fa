/* A container engine in place of bubblewrap: podman's command line, or docker's. What is inside is
 * the same (host/sandbox.h): the files of the image the worker unpacked, the mounts, no network, no
 * capabilities, a root that cannot be written, user 65534.
 *
 * A container's name is the stamp. It is removed by the engine itself (--rm), which is safe because
 * execdm-init tells the supervisor how the program ended; and execdm-init ends with the supervisor,
 * so that a container never outlives it. The file `container` in the attempt's directory is there
 * from before it is made until it is certainly gone; who finds it without a supervisor removes what
 * is left. */
#ifndef DRIVER_CONTAINER_H
#define DRIVER_CONTAINER_H

#include <sys/types.h>
#include "host/sandbox.h"
#include "text/err.h"
#include "text/json.h"

#define CONTAINER_NOTE "container"
#define CONTAINER_PLACE "/execdm"
#define CONTAINER_TOLD CONTAINER_PLACE "/told" /* the FIFO of execdm-init */
#define CONTAINER_ENVIRONMENT CONTAINER_PLACE "/environment"
#define CONTAINER_FILTER CONTAINER_PLACE "/filter" /* of system calls */

/* An engine as a platform has it, and what was found of it on this machine. */
struct container {
    struct strs command; /* the program and its global options */
    bool docker;         /* no --rootfs, and a daemon */
    char *runtime;       /* its program; docker: a name, or NULL, its own choice */
    char *manager;       /* of cgroups; NULL: the engine's own choice */
    bool limits;         /* cores, memory and processes are enforced by cgroups */
    const char *account; /* whose the program is, for root */
};

/* What one is to be. */
struct container_run {
    const struct container *engine;
    struct sandbox *sandbox; /* its env is not used: see CONTAINER_ENVIRONMENT */
    const char *name;
    const char *dir;     /* of the attempt, where its supervisor has a lock; NULL: of none */
    const char *pidfile; /* gets the process id of its first process; docker has none */
    uid_t uid;           /* who the program is, outside */
    gid_t gid;
    int64_t memory;   /* bytes; 0: no limit */
    int64_t cores;    /* thousandths, when others want to run, too; 0: no limit */
    int64_t maxcores; /* the most it gets */
    int64_t file;     /* bytes that one may have; 0: no limit */
};

/* Is it what the driver-options ask for, or else what this driver is for? */
bool container_is_wanted(const json_t *config);

/* Which OCI runtime and which kind of cgroups work here is found by running a container with each,
 * and kept for ten minutes, or for one without the limits there might be. CODE_UNAVAIL with the
 * remedy when none does; CODE_CONFIG. */
int container_find(struct container *c, const json_t *config, struct err *err);
void container_fini(struct container *c);

/* To be called in a child of one's own: becomes the engine's client, or returns -1. */
int container_exec(const struct container_run *run, struct err *err);
/* The process id of its first process, 0 when it is not known. */
pid_t container_pid(const struct container_run *run);
/* A signal to that one by its pidfd, which may be -1. False: it did not get it. */
bool container_signal(const struct container_run *run, int pidfd, int sig);
/* Did the kernel end a process in the cgroup of this one, because memory ran out? */
bool container_ran_out(pid_t pid);
/* When this is done nothing of it is left, if ever there was something. */
int container_remove(const struct container *c, const char *name, struct err *err);
/* Removes all that are left of attempts, of whichever job store, whose supervisors are dead. */
void container_sweep(const struct container *c);

#endif

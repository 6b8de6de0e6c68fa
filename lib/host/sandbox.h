/* A program alone: no network, nobody's identity, a read-only root, and of the host only what is
 * mounted (PRD-31). bubblewrap does it; root first becomes the job account, because bubblewrap is
 * never run by uid 0 (decisions.md, "Isolation"). */
#ifndef HOST_SANDBOX_H
#define HOST_SANDBOX_H

#include <sys/types.h>
#include "text/buf.h"
#include "text/err.h"

#define SANDBOX_USER 65534           /* who the program is, inside */
#define SANDBOX_ACCOUNT "execdm-job" /* who it is outside, when we are root */
#define SANDBOX_PROCESSES 4096

struct sandbox_mount {
    char *source, *target; /* absolute; a directory or a file */
    bool write, device;
};

struct sandbox {
    char *rootfs; /* the files of an image, or NULL: the host's /usr and what it needs */
    struct sandbox_mount *mounts;
    size_t nmounts;
    struct strs argv, env; /* env as NAME=value; nothing of ours is inherited */
    char *cwd;
    const char *account; /* for root; NULL is SANDBOX_ACCOUNT */
    pid_t parent;        /* it dies with this one, our caller's; 0: bubblewrap sees to that */
    int info_fd;         /* gets bubblewrap's JSON with "child-pid"; -1: none */
    int filter;          /* a filter of system calls is read from it; 0: none */
};

void sandbox_mount(struct sandbox *s, const char *source, const char *target, bool write);
/* A device file, by its own name. */
void sandbox_device(struct sandbox *s, const char *node);
void sandbox_fini(struct sandbox *s);

/* Who the program will be outside: the caller itself, or for root the job account. CODE_UNAVAIL
 * with the remedy when there is no such account. */
int sandbox_identity(const char *account, uid_t *uid, gid_t *gid, struct err *err);

/* In a child of root's own: gives it a mount namespace, where what the sandbox shows is bound in a
 * place that every account may enter; the sandbox then names it there. */
int sandbox_stage(struct sandbox *s, struct err *err);

/* To be called in a child of one's own: becomes the program, or returns -1. Standard input, output
 * and error are the caller's to arrange. */
int sandbox_exec(struct sandbox *s, struct err *err);
/* The same as the `exec` of a struct spawn: says on standard error what went wrong, and exits. */
void sandbox_become(void *sandbox);

/* Tries it with /bin/true: 0, or -1 with CODE_UNAVAIL and a text that names the remedy. */
int sandbox_probe(const char *account, struct err *err);

#endif

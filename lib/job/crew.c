#include "job/crew.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/lease.h"

#define STOP_MS 5000 /* for one that was told to stop */

bool crew_full(const struct crew *c)
{
    for (size_t i = 0; i < CREW_MAX; i++)
        if (c->hands[i].pid == 0)
            return false;
    return true;
}

bool crew_idle(const struct crew *c)
{
    for (size_t i = 0; i < CREW_MAX; i++)
        if (c->hands[i].pid != 0)
            return false;
    return true;
}

int crew_stage(struct step *s, const char *id, struct err *err)
{
    own(fd_fini) int lease = lease_take(s->store, id, 0, err);
    int64_t due;
    if (lease < 0)
        return -1;
    for (;;) {
        own(job_fini) struct job j = {0};
        const int rc = step_job(s, id, &j, &due, err);
        if (rc <= 0 || !step_is_long(s, &j))
            return rc < 0 ? -1 : 0;
    }
}

/* A process of its own has a store of its own: SQLite's connections are not for children. */
static void work_alone(const struct step *like, const char *id, crew_work *work, int to)
{
    own(store_close) struct store store = {.lock = -1};
    struct step step = *like;
    struct err err = {0};
    step.store = &store;
    step.brief = false;
    step.progress = NULL;
    if ((store_open(&store, &err) < 0 || work(&step, id, &err) < 0) &&
        !(step.stop && step.stop(step.context)))
        fd_write(to, (const char *)&err, sizeof(err));
}

int crew_start(struct crew *c, const struct step *like, const char *id, crew_work *work,
               struct err *err)
{
    const pid_t parent = getpid();
    int ends[2];
    struct hand *h = c->hands;
    while (h->pid != 0)
        h++;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "cannot make a pipe");
    const pid_t pid = fork();
    if (pid < 0) {
        err_sys(err, "cannot start a process");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            work_alone(like, id, work, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    *h = (struct hand){.pid = pid, .from = ends[0]};
    snprintf(h->id, sizeof(h->id), "%s", id);
    return 0;
}

size_t crew_fds(const struct crew *c, struct pollfd *fds)
{
    size_t n = 0;
    for (size_t i = 0; i < CREW_MAX; i++)
        if (c->hands[i].pid != 0)
            fds[n++] = (struct pollfd){c->hands[i].from, POLLIN, 0};
    return n;
}

static void let_go(struct hand *h, struct err *err)
{
    int status = 0;
    *err = (struct err){0};
    if (read(h->from, err, sizeof(*err)) != (ssize_t)sizeof(*err))
        *err = (struct err){0};
    close(h->from);
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        err_set(err, CODE_TEMP, "the process that did it was ended by signal %d", WTERMSIG(status));
    h->pid = 0;
}

int crew_reap(struct crew *c, char id[UUID_TEXT], struct err *err)
{
    for (size_t i = 0; i < CREW_MAX; i++) {
        struct hand *h = &c->hands[i];
        struct pollfd fd = {h->from, POLLIN, 0};
        if (h->pid == 0 || poll(&fd, 1, 0) <= 0)
            continue;
        memcpy(id, h->id, UUID_TEXT);
        let_go(h, err);
        return 1;
    }
    return 0;
}

void crew_dismiss(struct crew *c)
{
    const int64_t until = clock_boot() + STOP_MS;
    for (size_t i = 0; i < CREW_MAX; i++)
        if (c->hands[i].pid != 0)
            kill(c->hands[i].pid, SIGTERM);
    for (size_t i = 0; i < CREW_MAX; i++) {
        struct hand *h = &c->hands[i];
        struct pollfd fd = {h->from, POLLIN, 0};
        struct err ignored;
        if (h->pid == 0)
            continue;
        const int64_t left = until - clock_boot();
        if (poll(&fd, 1, left > 0 ? (int)left : 0) <= 0)
            kill(h->pid, SIGKILL);
        let_go(h, &ignored);
    }
}

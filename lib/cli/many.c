#include "cli/many.h"
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "cli/prog.h"

#define SLICE 64     /* operands of one process */
#define PROCESSES 16 /* at the same time, at most */

/* A process at work, and the files in memory that it writes to. */
struct slot {
    pid_t pid;
    int out, err;
};

static size_t processors(void)
{
    cpu_set_t set;
    const int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > PROCESSES ? PROCESSES : n < 1 ? 1 : (size_t)n;
}

bool many_pays(size_t n)
{
    return n >= 4 * SLICE && processors() > 1;
}

static void slot_close(struct slot *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    close(s->out);
    close(s->err);
    *s = (struct slot){0, -1, -1};
}

/* 0, or -1 with err. The child does not come back. */
static int begin(struct slot *s, char **operands, size_t n,
                 int (*work)(void *, char **, size_t, struct buf *, struct err *), void *context,
                 struct err *err)
{
    const pid_t parent = getpid();
    s->out = memfd_create("out", MFD_CLOEXEC);
    s->err = memfd_create("err", MFD_CLOEXEC);
    if (s->out < 0 || s->err < 0)
        return err_sys(err, "cannot make a file in memory");
    s->pid = fork();
    if (s->pid < 0)
        return err_sys(err, "cannot start a process");
    if (s->pid > 0)
        return 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(s->out, 1) < 0 || dup2(s->err, 2) < 0)
        _exit(CODE_OS);
    struct buf out = {0};
    struct err mine = {0};
    const int code = work(context, operands, n, &out, &mine);
    _exit(prog_end(code, &out, &mine));
}

static int copy(int from, int to, struct err *err)
{
    own(buf_fini) struct buf b = {0};
    char chunk[65536];
    ssize_t n;
    for (off_t at = 0; (n = pread(from, chunk, sizeof(chunk), at)) > 0; at += n)
        buf_add(&b, chunk, (size_t)n);
    if (n < 0)
        return err_sys(err, "cannot read what a process wrote");
    return prog_write(to, &b, err);
}

/* Waits for a process, hands on what it wrote, and puts its code together with *worst. */
static int end(struct slot *s, int *worst, struct err *err)
{
    int status;
    while (waitpid(s->pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(err, "cannot wait for a process");
    s->pid = 0;
    int rc = copy(s->err, 2, err) < 0 || copy(s->out, 1, err) < 0 ? -1 : 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : CODE_BUG;
    if (!WIFEXITED(status))
        rc = err_set(err, CODE_BUG, "a process was ended by signal %d", WTERMSIG(status));
    *worst = code > *worst ? code : *worst;
    slot_close(s);
    return rc;
}

static bool is_verdict(int code)
{
    return code == CODE_OK || code == CODE_NO || code == CODE_DATA;
}

int many_run(char **operands,
             int (*work)(void *context, char **operands, size_t n, struct buf *out,
                         struct err *err),
             void *context, struct buf *out, struct err *err)
{
    struct slot slots[PROCESSES];
    const size_t at_once = processors();
    size_t n = 0, begun = 0, ended = 0;
    int worst = CODE_OK, rc = prog_flush(out, err);
    while (operands[n])
        n++;
    const size_t slices = (n + SLICE - 1) / SLICE;
    for (size_t i = 0; i < COUNT(slots); i++)
        slots[i] = (struct slot){0, -1, -1};
    while (rc == 0 && ended < slices && is_verdict(worst)) {
        while (rc == 0 && begun < slices && begun < ended + at_once) {
            const size_t from = begun * SLICE, room = n - from < SLICE ? n - from : SLICE;
            rc = begin(&slots[begun++ % at_once], operands + from, room, work, context, err);
        }
        if (rc == 0)
            rc = end(&slots[ended++ % at_once], &worst, err);
    }
    for (size_t i = 0; i < at_once; i++)
        slot_close(&slots[i]);
    return rc < 0 ? -1 : worst;
}

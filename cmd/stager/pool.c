#include "stager.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "host/clock.h"
#include "host/path.h"
#include "text/uri.h"

#define TOLD_MS 100       /* between two words of progress */
#define FAREWELL_MS 5000  /* to clean up in, before it is killed */
#define QUEUE_MAX 32      /* light items that a process has before it */
#define QUEUE_BYTES 16384 /* less than a pipe holds, so that giving never waits */
#define SAY_BYTES 32768

/* What a process says, followed by its strings. Both ends are the same program. */
enum word { WORD_PROGRESS, WORD_FILE, WORD_WARNING, WORD_DONE };
struct record {
    enum word word;
    int rc;
    int64_t bytes, total;
    size_t first, second, third; /* lengths of the strings with their NUL */
    struct outcome out;
    struct fault f;
};

struct slot {
    pid_t pid; /* 0: none */
    int to, from;
    int64_t give_up; /* ms since boot; 0: never */
    int64_t bytes;
    struct buf queue[QUEUE_MAX]; /* what was given, the one at work first; the rest empty */
    int queued;
    bool light; /* all of it */
    struct buf unsent, said;
};

struct pool {
    struct pool_owner owner;
    struct slot slots[JOBS_MAX];
    bool stopped; /* the owner wants no more */
};

struct pool *pool_new(const struct pool_owner *owner)
{
    struct pool *p = mem_new(sizeof(*p));
    p->owner = *owner;
    if (p->owner.jobs < 1 || p->owner.jobs > JOBS_MAX)
        p->owner.jobs = p->owner.jobs < 1 ? 1 : JOBS_MAX;
    return p;
}

int64_t pool_moving(const struct pool *p)
{
    int64_t sum = 0;
    for (int i = 0; i < p->owner.jobs; i++)
        sum += p->slots[i].bytes;
    return sum;
}

/* More of what the other side writes: bytes, 0 at its end, -1. */
static ssize_t read_more(int fd, struct buf *b)
{
    char bytes[SAY_BYTES];
    ssize_t got;
    do
        got = read(fd, bytes, sizeof(bytes));
    while (got < 0 && errno == EINTR && !stager_signal);
    if (got > 0)
        buf_add(b, bytes, (size_t)got);
    return got;
}

static void drop(struct buf *b, size_t n)
{
    memmove(b->bytes, b->bytes + n, b->len - n);
    b->len -= n;
}

/* --- in the process --- */

struct teller {
    int fd;
    int64_t told; /* ms since boot */
    int done;     /* not told yet */
    struct buf out;
};

static int say(struct teller *t)
{
    bool good = fd_write(t->fd, t->out.bytes, t->out.len) == 0;
    t->out.len = 0;
    t->done = 0;
    t->told = clock_boot();
    return good ? 0 : -1;
}

static int tell(struct teller *t, struct record *r, const char *a, const char *b, const char *c)
{
    r->first = a ? strlen(a) + 1 : 0;
    r->second = b ? strlen(b) + 1 : 0;
    r->third = c ? strlen(c) + 1 : 0;
    buf_add(&t->out, r, sizeof(*r));
    buf_add(&t->out, a ? a : "", r->first);
    buf_add(&t->out, b ? b : "", r->second);
    buf_add(&t->out, c ? c : "", r->third);
    return t->out.len < SAY_BYTES ? 0 : say(t);
}

static int on_progress(void *self, int64_t bytes, int64_t total)
{
    struct teller *t = self;
    if (clock_boot() - t->told < TOLD_MS)
        return 0;
    struct record r = {.word = WORD_PROGRESS, .bytes = bytes, .total = total};
    return tell(t, &r, NULL, NULL, NULL) < 0 ? -1 : say(t);
}

static int on_file(void *self, const struct moved *m)
{
    struct record r = {.word = WORD_FILE, .bytes = m->size};
    return tell(self, &r, m->name, m->location, m->checksum);
}

static int on_warning(void *self, const char *name, const char *text)
{
    struct record r = {.word = WORD_WARNING};
    return tell(self, &r, name, text, NULL);
}

/* Many small ones are told together, but nobody who waits for more work waits for long. */
static int tell_done(struct teller *t, struct record *r)
{
    int rc = tell(t, r, NULL, NULL, NULL);
    return ++t->done < QUEUE_MAX / 2 && clock_boot() - t->told < TOLD_MS ? rc : say(t);
}

/* What was given at a place of what was heard, where all of it has come; NULL. */
static const char *given(const struct buf *heard, size_t at, size_t *n)
{
    if (heard->len < at + sizeof(*n))
        return NULL;
    memcpy(n, heard->bytes + at, sizeof(*n));
    return heard->len - at - sizeof(*n) < *n ? NULL : heard->bytes + at + sizeof(*n);
}

/* Tells the next few that it will be their turn, and how many there are beyond the first. */
static int announce(const struct pool_owner *o, const struct buf *heard)
{
    const char *work;
    size_t n, at = 0;
    int count = 0;
    for (; count < AHEAD_MAX && (work = given(heard, at, &n)); count++) {
        o->ahead(o->self, work);
        at += sizeof(n) + n;
    }
    return count - 1;
}

/* Does not come back. */
static void serve(const struct pool *p, int in, int out)
{
    const struct pool_owner *o = &p->owner;
    struct teller t = {.fd = out, .told = clock_boot()};
    const struct watcher watcher = {&t, on_progress, on_file, on_warning};
    struct buf heard = {0};
    size_t n;
    int ahead = 0; /* so many know that it will soon be their turn */
    web_forget();
    transfer_forget();
    while (!stager_signal) {
        struct record r = {.word = WORD_DONE};
        const char *work = given(&heard, 0, &n);
        if (!work && (say(&t) < 0 || read_more(in, &heard) <= 0))
            break;
        if (!work)
            continue;
        if (o->ahead && ahead-- == 0)
            ahead = announce(o, &heard);
        r.rc = o->run(o->self, work, n, &watcher, &r.out, &r.f);
        if (tell_done(&t, &r) < 0)
            break;
        drop(&heard, sizeof(n) + n);
    }
    say(&t);
    _exit(0);
}

/* --- in ours --- */

static int start(struct pool *p, struct slot *s)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(from, O_CLOEXEC) < 0) {
        close(to[0]), close(to[1]);
        return -1;
    }
    pid_t us = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* so that it cleans up */
        if (getppid() != us)
            _exit(0);
        for (int i = 0; i < p->owner.jobs; i++) /* else the others would not see our end */
            if (p->slots[i].pid > 0)
                close(p->slots[i].to), close(p->slots[i].from);
        close(to[1]), close(from[0]);
        serve(p, to[0], from[1]);
    }
    close(to[0]), close(from[1]);
    if (pid < 0) {
        close(to[1]), close(from[0]);
        return -1;
    }
    s->pid = pid;
    s->to = to[1];
    s->from = from[0];
    return 0;
}

/* The first of the queue is done. */
static int finish(struct pool *p, struct slot *s, const struct outcome *out, const struct fault *f)
{
    struct buf work = s->queue[0];
    s->queued--;
    memmove(s->queue, s->queue + 1, (QUEUE_MAX - 1) * sizeof(*s->queue));
    s->queue[QUEUE_MAX - 1] = (struct buf){0};
    s->bytes = 0;
    int rc = p->owner.done(p->owner.self, work.bytes, out, f);
    buf_fini(&work);
    return rc;
}

static int hear(struct pool *p, struct slot *s, const struct record *r, const char *text)
{
    const struct pool_owner *o = &p->owner;
    const char *first = text, *second = first + r->first, *third = second + r->second;
    const struct moved moved = {first, second, r->bytes, third};
    switch (r->word) {
    case WORD_PROGRESS:
        s->bytes = r->bytes;
        return o->progress(o->self, s->queue[0].bytes, r->bytes, r->total);
    case WORD_FILE:
        return o->file(o->self, s->queue[0].bytes, &moved);
    case WORD_WARNING:
        return o->warning(o->self, s->queue[0].bytes, first, second);
    default:
        return finish(p, s, &r->out, r->rc < 0 ? &r->f : NULL);
    }
}

/* It ended before it had done its work. */
static int bury(struct pool *p, struct slot *s, enum reason reason, const char *why)
{
    struct fault f;
    int rc = 0;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, reason == REASON_SLOW ? WNOHANG : 0); /* it may hang in the kernel */
    close(s->to), close(s->from);
    s->pid = 0;
    s->said.len = s->unsent.len = 0;
    fault_set(&f, reason, true, "%s", why);
    while (rc == 0 && s->queued > 0)
        rc = finish(p, s, &(struct outcome){0}, &f);
    return rc;
}

static int listen_to(struct pool *p, struct slot *s)
{
    struct record r;
    if (read_more(s->from, &s->said) <= 0)
        return stager_signal ? -1
                             : bury(p, s, REASON_UNREACHABLE, "the process that moved it ended");
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && s->said.len - at >= sizeof(r)) {
        memcpy(&r, s->said.bytes + at, sizeof(r));
        size_t whole = sizeof(r) + r.first + r.second + r.third;
        if (s->said.len - at < whole)
            break;
        rc = hear(p, s, &r, s->said.bytes + at + sizeof(r));
        at += whole;
    }
    drop(&s->said, at);
    return rc;
}

static int out_of_time(struct pool *p, struct slot *s)
{
    char why[80];
    snprintf(why, sizeof(why), "it gave no answer within %d s", (int)(p->owner.limit_ms / 1000));
    return bury(p, s, REASON_SLOW, why);
}

static int send_on(struct pool *p, struct slot *s)
{
    size_t n = s->unsent.len;
    s->unsent.len = 0;
    return n == 0 || fd_write(s->to, s->unsent.bytes, n) == 0
               ? 0
               : bury(p, s, REASON_UNREACHABLE, "the process that moves it ended");
}

/* Waits for news of those at work. */
static int hear_all(struct pool *p)
{
    struct pollfd fds[JOBS_MAX];
    int64_t now = clock_boot(), wait = 250; /* a signal may come just before poll */
    int n = p->owner.jobs;
    for (int i = 0; i < n; i++) {
        struct slot *s = &p->slots[i];
        if (send_on(p, s) < 0)
            return -1;
        fds[i] = (struct pollfd){s->pid > 0 ? s->from : -1, POLLIN, 0};
        if (s->queued && s->give_up && s->give_up - now < wait)
            wait = s->give_up > now ? s->give_up - now : 0;
    }
    if (poll(fds, (nfds_t)n, (int)wait) < 0 && errno != EINTR)
        return -1;
    now = clock_boot();
    for (int i = 0; i < n && !stager_signal; i++) {
        struct slot *s = &p->slots[i];
        if (fds[i].revents && listen_to(p, s) < 0)
            return -1;
        if (s->queued && s->give_up && now >= s->give_up && out_of_time(p, s) < 0)
            return -1;
    }
    return stager_signal ? -1 : 0;
}

static size_t queued_bytes(const struct slot *s)
{
    size_t sum = 0;
    for (int i = 0; i < s->queued; i++)
        sum += s->queue[i].len + sizeof(size_t);
    return sum;
}

/* One that is free; a new one only when all are at work; else the one with the shortest queue. */
static struct slot *find_free(struct pool *p, size_t n, bool light)
{
    struct slot *room = NULL, *shortest = NULL;
    for (int i = 0; i < p->owner.jobs; i++) {
        struct slot *s = &p->slots[i];
        if (s->pid > 0 && s->queued == 0)
            return s;
        if (s->pid == 0 && !room)
            room = s;
        if (s->pid > 0 && s->light && s->queued < QUEUE_MAX &&
            (!shortest || s->queued < shortest->queued))
            shortest = s;
    }
    if (room)
        return start(p, room) == 0 ? room : NULL;
    return light && shortest && queued_bytes(shortest) + n < QUEUE_BYTES ? shortest : NULL;
}

static bool at_work(const struct pool *p)
{
    for (int i = 0; i < p->owner.jobs; i++)
        if (p->slots[i].queued)
            return true;
    return false;
}

/* There is no process to be had. */
static int cannot_start(struct pool *p, const char *work)
{
    struct fault f;
    fault_set(&f, REASON_UNREACHABLE, true, "no process can be started to move it: %s",
              strerror(errno));
    return p->owner.done(p->owner.self, work, &(struct outcome){0}, &f);
}

int pool_give(struct pool *p, const char *work, size_t n, bool light)
{
    struct slot *s = NULL;
    while (!p->stopped && !(s = find_free(p, n, light)) && at_work(p))
        p->stopped = hear_all(p) < 0;
    if (p->stopped || stager_signal)
        return -1;
    if (!s)
        return cannot_start(p, work);
    buf_add(&s->unsent, &n, sizeof(n));
    buf_add(&s->unsent, work, n);
    s->light = light && (s->queued == 0 || s->light);
    s->give_up = p->owner.limit_ms ? clock_boot() + p->owner.limit_ms : 0;
    buf_add(&s->queue[s->queued++], work, n);
    /* one that has much before it can wait for the rest until we have no more to give */
    if (s->queued <= QUEUE_MAX / 2)
        p->stopped = send_on(p, s) < 0;
    return p->stopped ? -1 : 0;
}

int pool_wait(struct pool *p)
{
    while (!p->stopped && at_work(p))
        p->stopped = hear_all(p) < 0;
    return p->stopped ? -1 : 0;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    int64_t end = clock_boot() + FAREWELL_MS;
    for (int i = 0; i < p->owner.jobs; i++)
        if (p->slots[i].pid > 0) {
            if (p->slots[i].queued)
                kill(p->slots[i].pid, SIGTERM);
            close(p->slots[i].to), close(p->slots[i].from);
        }
    for (int i = 0; i < p->owner.jobs; i++) {
        struct slot *s = &p->slots[i];
        while (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == 0) {
            if (clock_boot() >= end && kill(s->pid, SIGKILL) == 0 && clock_boot() > end + 1000)
                break; /* it hangs in the kernel */
            nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
        }
        for (int k = 0; k < s->queued; k++)
            buf_fini(&s->queue[k]);
        buf_fini(&s->unsent);
        buf_fini(&s->said);
    }
    free(p);
}

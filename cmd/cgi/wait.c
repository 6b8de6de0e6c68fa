/* Waiting for a job to change (UWS 1.1, 2.2.1.3): the store is looked at when somebody wrote to it,
 * and only so many wait at a time that the others are served. */
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include "handlers.h"
#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"

#define MOST_S 60        /* who wants to wait longer asks again */
#define WAITERS 64       /* when the configuration says nothing */
#define LOOK_MS 10000    /* whether or not anybody wrote */
#define LOOK_FAR_MS 2000 /* where others may write whom we do not hear */
#define REST_MS 50       /* between two looks, doubled after each in vain */
#define REST_MOST_MS 1000

/* A number of seconds, or -1 for "as long as it takes". */
static bool read_seconds(const char *text, int64_t *seconds)
{
    char *end;
    if (str_same(text, "-1")) {
        *seconds = MOST_S;
        return true;
    }
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return false;
    const unsigned long long n = strtoull(text, &end, 10);
    *seconds = n < MOST_S ? (int64_t)n : MOST_S;
    return true;
}

/* A place among those that may wait: a descriptor to close, -1 when there is none. The places are
 * bytes of one file, so that they are of all processes, and free when one dies. */
static int take_place(struct service *s)
{
    const int64_t most = json_int(service_row(s), "waiters", WAITERS);
    own(str_fini) char *path = str_print("%s/waiters", s->store.dir);
    own(fd_fini) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int64_t i = 0; fd >= 0 && i < most; i++)
        if (lock_byte(fd, (getpid() + i) % most) > 0) {
            const int taken = fd;
            fd = -1;
            return taken;
        }
    return -1;
}

/* Who hears of every write to the store; -1 where that cannot be. */
static int open_ear(const struct service *s)
{
    own(str_fini) char *wake = str_print("%s/%s", s->store.dir, store_wake_name());
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd >= 0 && inotify_add_watch(fd, wake, IN_CLOSE_WRITE | IN_ATTRIB) < 0)
        fd_fini(&fd);
    return fd;
}

/* Until somebody writes, or it is time. False when we are told to end. */
static bool listen_until(int ear, int64_t until, int64_t most)
{
    char events[4096];
    struct pollfd one = {ear, POLLIN, 0};
    const int64_t left = until - clock_boot();
    if (poll(&one, 1, (int)(left < 0 ? 0 : left < most ? left : most)) < 0)
        return false;
    while (ear >= 0 && read(ear, events, sizeof(events)) > 0)
        ;
    return true;
}

/* A store with much to write would wake us again at once. */
static bool rest(int64_t *ms, int64_t until)
{
    const int64_t left = until - clock_boot();
    const int rc = poll(NULL, 0, (int)(left < 0 ? 0 : left < *ms ? left : *ms));
    *ms = *ms * 2 < REST_MOST_MS ? *ms * 2 : REST_MOST_MS;
    return rc == 0;
}

/* *j is the job as it is when its phase is another, or the time is over. */
static int wait_until(struct service *s, int64_t until, struct job *j, struct err *err)
{
    const enum phase before = j->phase;
    own(fd_fini) int ear = open_ear(s);
    const int64_t most = ear < 0 || s->store.network ? LOOK_FAR_MS : LOOK_MS;
    int64_t pause = REST_MS;
    for (;;) {
        struct job now = {0};
        if (service_job(s, j->id, &now, err) < 0)
            return -1;
        job_fini(j);
        *j = now;
        if (phase_uws(j->phase) != phase_uws(before) || clock_boot() >= until ||
            !listen_until(ear, until, most) || !rest(&pause, until))
            return 1;
    }
}

int wait_for(struct service *s, const struct request *r, struct reply *p, struct job *j,
             struct err *err)
{
    const char *text = request_param(r, "WAIT"), *named = request_param(r, "PHASE");
    const enum phase now = phase_uws(j->phase);
    int64_t seconds;
    enum phase phase = now;
    if (!text)
        return 1;
    if (!reply_once(p, r, "WAIT") || !reply_once(p, r, "PHASE"))
        return 0;
    if (!read_seconds(text, &seconds))
        return reply_refuse(p, 400, "WAIT: expected seconds or -1, found \"%.40s\"", text);
    if (named && phase_parse(named, &phase) < 0)
        return reply_refuse(p, 400, "PHASE: expected a phase, found \"%.40s\"", named);
    if (seconds == 0 || phase != now ||
        (now != PHASE_PENDING && now != PHASE_QUEUED && now != PHASE_EXECUTING))
        return 1;
    own(fd_fini) int place = take_place(s);
    return place < 0 ? 1 : wait_until(s, clock_boot() + seconds * 1000, j, err);
}

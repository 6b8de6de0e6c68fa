#include <poll.h>
#include <sys/inotify.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/layout.h"
#include "job/lease.h"
#include "job/worker.h"

#define IDLE_MS 60000 /* the longest sleep: a job accepted on another host wakes nobody */
#define TICK_MS 1000
#define TROUBLE_MS 2000 /* before a step that failed is tried again */

/* Who waits is woken by any write to the store, and by the exit record of a running job. */
struct alarm {
    int fd;
    char *wake;
};

static void alarm_open(struct alarm *a, const struct store *store)
{
    struct err ignored;
    a->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    a->wake = str_print("%s/%s", store->dir, store_wake_name());
    if (!path_exists(a->wake))
        path_write(a->wake, "", 0, 0600, &ignored);
    inotify_add_watch(a->fd, a->wake, IN_CLOSE_WRITE | IN_ATTRIB);
}

static void alarm_close(struct alarm *a)
{
    fd_fini(&a->fd);
    free(a->wake);
}

static void alarm_attempt(struct alarm *a, const struct store *store, const struct job *j)
{
    own(str_fini) char *dir = layout_attempt(store, j, NULL);
    inotify_add_watch(a->fd, dir, IN_MOVED_TO); /* adding it again changes nothing */
}

static void alarm_forget(struct alarm *a)
{
    char events[4096];
    while (read(a->fd, events, sizeof(events)) > 0)
        ;
}

static bool stopping(const struct worker *w)
{
    return w->step.stop && w->step.stop(w->step.context);
}

/* Steps one job as far as it goes. Returns when it is due next; 0 when it is at its end. */
static int64_t advance(struct worker *w, const char *id, struct alarm *alarm)
{
    struct err err = {0};
    own(fd_fini) int lease = lease_take(w->step.store, id, 0, &err);
    if (lease < 0) /* another worker has it, or its directory cannot be made */
        return clock_ms() + TROUBLE_MS;
    for (;;) {
        own(job_fini) struct job j = {0};
        int64_t due = 0;
        int rc = step_job(&w->step, id, &j, &due, &err);
        if (rc < 0 && stopping(w))
            return clock_ms();
        if (rc < 0 && err.code == CODE_NOINPUT) { /* deleted meanwhile */
            own(str_fini) char *dir = store_job_path(w->step.store, id, NULL);
            path_remove(dir, &err); /* the lease has made it again */
            return 0;
        }
        if (rc < 0) {
            if (w->trouble)
                w->trouble(w->step.context, id, &err);
            return clock_ms() + TROUBLE_MS;
        }
        if (rc == 0)
            return due;
        if (j.phase == PHASE_EXECUTING)
            alarm_attempt(alarm, w->step.store, &j); /* before its status is asked */
        if (stopping(w))
            return clock_ms();
    }
}

/* Sleeps until the next moment of the jobs, in slices: a signal that came just before is not slept
 * through, and who looks on sees that time passes. Not for longer than that was away when it began,
 * by a clock that nobody sets. */
static void sleep_until(const struct worker *w, const struct alarm *alarm, int64_t due)
{
    struct pollfd fd = {alarm->fd, POLLIN, 0};
    int64_t now = clock_ms(), end = now + IDLE_MS < due ? now + IDLE_MS : due;
    int64_t limit = clock_boot() + end - now;
    for (;;) {
        int64_t left = limit - clock_boot(), ms = end - clock_ms();
        if (left < ms)
            ms = left;
        if (ms <= 0 || stopping(w) || poll(&fd, 1, ms < TICK_MS ? (int)ms : TICK_MS) != 0)
            return;
        if (w->tick)
            w->tick(w->step.context);
    }
}

/* One round over the jobs: when the next is due, INT64_MAX when none is. */
static int round_over(struct worker *w, struct alarm *alarm, int64_t *next, size_t *live,
                      struct err *err)
{
    own(strs_fini) struct strs found = {0};
    const struct strs *ids = w->ids;
    *next = INT64_MAX;
    *live = 0;
    if (w->mode != WORKER_JOBS) {
        if (store_jobs(w->step.store, true, &found, err) < 0)
            return -1;
        ids = &found;
    }
    for (size_t i = ids->n; i-- > 0 && !stopping(w);) { /* oldest first */
        int64_t due = advance(w, ids->list[i], alarm);
        if (due == 0)
            continue;
        (*live)++;
        if (due < *next)
            *next = due;
    }
    return 0;
}

/* Jobs that run already are watched for before they are asked about. */
static int watch_running(struct worker *w, struct alarm *alarm, struct err *err)
{
    own(strs_fini) struct strs ids = {0};
    if (store_jobs(w->step.store, true, &ids, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.n; i++) {
        own(job_fini) struct job j = {0};
        if (store_job_get(w->step.store, ids.list[i], &j, err) == 0 &&
            (j.phase == PHASE_EXECUTING || j.phase == PHASE_SUSPENDED))
            alarm_attempt(alarm, w->step.store, &j);
    }
    return 0;
}

int worker_run(struct worker *w, struct err *err)
{
    own(alarm_close) struct alarm alarm = {-1, NULL};
    int64_t next;
    size_t live;
    alarm_open(&alarm, w->step.store);
    if (w->mode != WORKER_ONCE && watch_running(w, &alarm, err) < 0)
        return -1;
    while (!stopping(w)) {
        alarm_forget(&alarm);
        if (round_over(w, &alarm, &next, &live, err) < 0)
            return -1;
        if (stopping(w))
            break;
        if (w->mode == WORKER_ONCE || (w->mode == WORKER_JOBS && live == 0))
            return 0;
        sleep_until(w, &alarm, next);
    }
    return 1;
}

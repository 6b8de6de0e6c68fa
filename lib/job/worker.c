#include "job/worker.h"
#include <poll.h>
#include <sys/inotify.h>
#include "host/clock.h"
#include "host/driver.h"
#include "host/path.h"
#include "job/crew.h"
#include "job/layout.h"
#include "job/lease.h"
#include "job/parts.h"
#include "job/presence.h"
#include "job/roster.h"
#include "job/sweep.h"

#define IDLE_MS 60000 /* the longest sleep where other hosts may write to the store unheard */
#define REST_MS 3600000
#define TICK_MS 1000
#define TIDY_MS 60000   /* before what could not be cleared away is tried again */
#define TROUBLE_MS 2000 /* before a step that failed is tried again; doubled each time, */
#define TROUBLES_MAX 5  /* so often */
#define SILENCES 4      /* so often a backend may not answer, POLL_MS apart */

/* A need that found no room in this round. Who needs as much, and has no earlier turn, finds none
 * either. */
struct refusal {
    const char *platform; /* of an entry */
    struct room need;
    int64_t length, turn; /* each is measured without its own booking: a later turn tells nothing */
};

struct working {
    struct worker *worker;
    struct roster roster;
    struct crew crew;
    struct refusal *refusals; /* of this round */
    size_t nrefusals;
    bool away;    /* a process of ours tidies up */
    int64_t tidy; /* when it does next, ms; INT64_MAX: not known yet, or never */
    int64_t rest; /* nor before, as it had trouble */
    int alarm;    /* inotify: any write to the store, and the exit record of a running job */
    int clock;    /* somebody set it */
    bool deaf;    /* others may write to the store unheard */
};

static void working_fini(struct working *w)
{
    crew_dismiss(&w->crew);
    roster_fini(&w->roster);
    free(w->refusals);
    fd_fini(&w->alarm);
    fd_fini(&w->clock);
}

static bool stopping(const struct working *w)
{
    const struct step *s = &w->worker->step;
    return s->stop && s->stop(s->context);
}

/* When it is to be tried again: pauses grow while it goes wrong. */
static int64_t trouble(struct working *w, const char *id, const struct err *err)
{
    struct entry *e = roster_find(&w->roster, id);
    const int tries = e && e->troubles < TROUBLES_MAX ? e->troubles++ : TROUBLES_MAX;
    if (w->worker->trouble)
        w->worker->trouble(w->worker->step.context, id, err);
    return clock_ms() + ((int64_t)TROUBLE_MS << tries);
}

/* --- what wakes us --- */

/* The file is made anew when somebody has removed it. False: nobody is heard. */
static bool alarm_wake(const struct working *w)
{
    const struct store *store = w->worker->step.store;
    own(str_fini) char *wake = str_print("%s/%s", store->dir, store_wake_name());
    struct err ignored;
    if (!path_exists(wake))
        path_write(wake, "", 0, 0600, &ignored);
    return inotify_add_watch(w->alarm, wake, IN_CLOSE_WRITE | IN_ATTRIB) >= 0;
}

static void alarm_open(struct working *w)
{
    w->alarm = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    w->clock = clock_watch();
}

/* Before its status is asked. Adding it again changes nothing. */
static void alarm_attempt(struct working *w, struct entry *e, const struct job *j)
{
    own(str_fini) char *dir = layout_attempt(w->worker->step.store, j, NULL);
    const int before = e->watch;
    e->watch = inotify_add_watch(w->alarm, dir, IN_MOVED_TO);
    if (before >= 0 && before != e->watch)
        inotify_rm_watch(w->alarm, before); /* of the attempt before */
}

/* Everything is looked at anew: times are no longer what they were, or too much happened. */
static void all_due(struct working *w)
{
    for (size_t i = 0; i < w->roster.n; i++)
        w->roster.list[i].due = 0;
}

/* Of what is done in an attempt's directory only its record is news. */
static bool is_news(const struct inotify_event *event)
{
    return !(event->mask & IN_MOVED_TO) || str_same(event->name, EXIT_RECORD);
}

static void on_event(struct working *w, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        all_due(w);
    for (size_t i = 0; i < w->roster.n; i++)
        if (w->roster.list[i].watch == event->wd && event->wd >= 0 && is_news(event))
            w->roster.list[i].due = 0;
}

/* What runs and has left a record is due; a write to the store is looked up in its event log. */
static void alarm_read(struct working *w)
{
    char bytes[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;
    if (read(w->clock, bytes, sizeof(bytes)) < 0 && errno == ECANCELED)
        all_due(w);
    while (read(w->worker->told, bytes, sizeof(bytes)) > 0)
        ; /* step.stop knows */
    while ((n = read(w->alarm, bytes, sizeof(bytes))) > 0)
        for (const char *at = bytes; at < bytes + n;) {
            const struct inotify_event *event = (const void *)at;
            on_event(w, event);
            at += sizeof(*event) + event->len;
        }
    w->deaf = !alarm_wake(w) || w->worker->step.store->network;
}

static void care_for_callouts(struct working *w)
{
    struct err err;
    if (caller_care(&w->worker->caller, w->worker->step.store, &err) < 0)
        trouble(w, "callouts", &err);
}

static void forget(struct working *w, struct entry *e)
{
    if (e->watch >= 0)
        inotify_rm_watch(w->alarm, e->watch);
    roster_remove(&w->roster, e);
}

/* --- one job --- */

static bool is_refused(const struct working *w, const struct entry *e)
{
    for (size_t i = 0; i < w->nrefusals; i++) {
        const struct refusal *r = &w->refusals[i];
        if (str_same(r->platform, e->platform) && e->need.cores >= r->need.cores &&
            e->need.memory >= r->need.memory && e->length >= r->length && e->turn >= r->turn)
            return true;
    }
    return false;
}

static void refuse(struct working *w, const struct entry *e)
{
    if (e->need.parts && json_object_size(e->need.parts))
        return; /* it may have been those */
    w->refusals = mem_grow(w->refusals, w->nrefusals + 1, sizeof(*w->refusals));
    w->refusals[w->nrefusals++] = (struct refusal){e->platform, e->need, e->length, e->turn};
}

/* Is there an attempt of it, which a driver here is asked about? */
static bool runs_here(const struct job *j)
{
    return (j->phase == PHASE_EXECUTING || j->phase == PHASE_SUSPENDED ||
            j->phase == PHASE_UNKNOWN || job_waits_there(j)) &&
           !job_remote(j);
}

/* When the job is due next; 0 when it is at its end, and the entry is done with. */
static int64_t note(struct working *w, struct entry *e, const struct job *j, int64_t due)
{
    if (phase_terminal(j->phase))
        return 0;
    entry_note(e, j, runs_here(j) ? act_driver_line(&w->worker->step, j) : NULL);
    e->troubles = 0;
    if (j->phase != PHASE_QUEUED || job_waits_there(j))
        return due;
    e->turn = due;
    if (due > clock_ms())
        refuse(w, e);
    return due;
}

/* It goes on in a process of its own; when there is none to be had it waits for one. */
static int64_t send_away(struct working *w, struct entry *e, const struct job *j)
{
    const struct step *s = &w->worker->step;
    struct err err = {0};
    entry_note(e, j, NULL);
    e->waits = crew_full(&w->crew);
    if (e->waits)
        return clock_ms();
    if (crew_start(&w->crew, e->id, &err) < 0)
        return trouble(w, e->id, &err);
    if (s->progress)
        s->progress(s->context, j, "staging", -1, -1);
    e->away = true;
    return clock_ms();
}

/* Somebody else is at work on it: perhaps it has just come to its end. */
static int64_t leave(struct working *w, const struct entry *e, const struct err *err)
{
    own(job_fini) struct job j = {0};
    struct err why = {0};
    if (err->code != CODE_TEMP)
        return trouble(w, e->id, err);
    if (store_job_get(w->worker->step.store, e->id, &j, &why) == 0)
        return phase_terminal(j.phase) ? 0 : clock_ms() + TROUBLE_MS;
    return why.code == CODE_NOINPUT ? 0 : clock_ms() + TROUBLE_MS;
}

/* Deleted meanwhile? The lease has made its directory again. */
static bool is_gone(struct working *w, const char *id)
{
    own(job_fini) struct job j = {0};
    struct err err = {0};
    if (store_job_get(w->worker->step.store, id, &j, &err) == 0 || err.code != CODE_NOINPUT)
        return false;
    own(str_fini) char *dir = store_job_path(w->worker->step.store, id, NULL);
    path_remove(dir, &err);
    return true;
}

/* Steps a job as far as it goes. When it is due next, 0 when never again. */
static int64_t advance(struct working *w, struct entry *e)
{
    struct step *s = &w->worker->step;
    struct err err = {0};
    own(fd_fini) int lease = lease_take(s->store, e->id, 0, &err);
    if (lease < 0)
        return leave(w, e, &err);
    for (;;) {
        own(job_fini) struct job j = {0};
        int64_t due = 0;
        const int rc = step_job(s, e->id, &j, &due, &err);
        if (rc < 0 && stopping(w))
            return clock_ms();
        if (rc < 0)
            return err.code == CODE_NOINPUT && is_gone(w, e->id) ? 0 : trouble(w, e->id, &err);
        if (rc == STEP_LONG) {
            fd_fini(&lease); /* it takes it itself */
            return send_away(w, e, &j);
        }
        if (runs_here(&j))
            alarm_attempt(w, e, &j);
        if (rc == 0)
            return note(w, e, &j, due);
        care_for_callouts(w);
        if (stopping(w))
            return clock_ms();
    }
}

/* --- jobs that run: a backend is asked once for all of its own --- */

/* One that is looked at anew: it may have begun to run, or be asked to end. */
static bool runs(struct working *w, struct entry *e)
{
    own(job_fini) struct job j = {0};
    struct err ignored;
    if (e->due != 0 && e->phase != PHASE_COUNT)
        return e->line != NULL;
    if (store_job_get(w->worker->step.store, e->id, &j, &ignored) < 0)
        return false;
    if (!runs_here(&j) || j.wish)
        return false;
    alarm_attempt(w, e, &j);
    entry_note(e, &j, act_driver_line(&w->worker->step, &j));
    return true;
}

static bool left_record(const struct entry *e)
{
    const char *record = json_text(json_array_get(e->line, 0), "exitfile");
    return !record || path_exists(record);
}

static bool same_backend(const struct entry *a, const struct entry *b)
{
    return str_same(a->driver, b->driver) &&
           (a->options == b->options || json_equal(a->options, b->options));
}

/* One call of a backend: all of those given that are its jobs. */
struct asking {
    struct strs ids;
    json_t *lines;
    struct driver_call call;
};

static void asking_free(struct asking *a)
{
    driver_call_fini(&a->call);
    strs_fini(&a->ids);
    json_decref(a->lines);
    free(a);
}

/* One more word about a job that was asked about; its entry may be gone after it. */
static void hear(struct working *w, const char *id, const json_t *reply)
{
    struct step *s = &w->worker->step;
    struct entry *e = roster_find(&w->roster, id);
    e->due = clock_ms() + POLL_MS;
    if (!part_is_news(reply, e->phase))
        return;
    s->told = reply;
    s->told_attempt = e->attempt;
    e->due = advance(w, e);
    s->told = NULL;
    if (e->due == 0)
        forget(w, e);
}

/* Its backend did not answer; after a while it is not known any more how the job is. */
static void hear_nothing(struct working *w, struct entry *e, const struct err *err)
{
    char id[UUID_TEXT];
    e->due = clock_ms() + POLL_MS;
    if (++e->silences < SILENCES)
        return;
    own(json_fini) json_t *reply =
        json_pack("{s:s,s:s}", "state", PART_SILENT, "message", err->text);
    snprintf(id, sizeof(id), "%s", e->id);
    hear(w, id, reply);
}

static void hear_all(struct working *w, struct asking *a)
{
    own(json_fini) json_t *replies = NULL;
    struct err err = {0};
    const int rc = driver_end(&a->call, &replies, &err);
    if (rc < 0 && !stopping(w))
        trouble(w, a->ids.list[0], &err);
    for (size_t i = 0; i < a->ids.n; i++) {
        struct entry *e = roster_find(&w->roster, a->ids.list[i]);
        if (rc < 0) {
            if (!stopping(w)) /* it was ended by us */
                hear_nothing(w, e, &err);
            continue;
        }
        e->silences = 0;
        hear(w, e->id, json_array_get(replies, i));
    }
}

/* Of the job's backend, begun when it is the first one of it. */
static struct asking *asking_of(struct working *w, struct asking ***list, size_t *n,
                                const struct entry *e)
{
    for (size_t i = 0; i < *n; i++)
        if (same_backend(roster_find(&w->roster, (*list)[i]->ids.list[0]), e))
            return (*list)[i];
    struct asking *a = mem_new(sizeof(*a));
    a->lines = json_array();
    *list = mem_grow(*list, *n + 1, sizeof(struct asking *));
    return (*list)[(*n)++] = a;
}

/* Asks about jobs that run: each backend once, all of them side by side. */
static void ask(struct working *w, const struct strs *ids)
{
    struct asking **list = NULL;
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++) {
        const struct entry *e = roster_find(&w->roster, ids->list[i]);
        struct asking *a = asking_of(w, &list, &n, e);
        strs_add(&a->ids, e->id);
        json_array_append(a->lines, json_array_get(e->line, 0));
    }
    struct spawn **runs = mem_new((n + 1) * sizeof(*runs));
    for (size_t i = 0; i < n; i++) {
        const struct entry *first = roster_find(&w->roster, list[i]->ids.list[0]);
        struct driver_call *call = &list[i]->call;
        driver_begin(call, first->driver, "status", first->options, list[i]->lines, STATUS_S);
        call->run.stop = w->worker->step.stop;
        call->run.context = w->worker->step.context;
        runs[i] = &call->run;
    }
    spawn_serve(runs, n);
    free(runs);
    for (size_t i = 0; i < n; i++) {
        hear_all(w, list[i]);
        asking_free(list[i]);
    }
    free(list);
}

/* --- the loop --- */

/* What takes long waits for one of the crew to come back. */
static bool waits_for_crew(const struct working *w, const struct entry *e)
{
    return e->waits && e->due != 0 && crew_full(&w->crew);
}

static bool is_among(const struct entry *const list[], size_t n, const struct entry *e)
{
    for (size_t i = 0; e->line && i < n; i++)
        if (same_backend(list[i], e))
            return true;
    return false;
}

/* One job of each backend that it is time to ask: then about all of its jobs, so that it is asked
 * once in an interval. One that left its record is asked about at once, and alone. */
static const struct entry **time_to_ask(const struct working *w, int64_t now, size_t *n)
{
    const struct entry **list = NULL;
    *n = 0;
    for (size_t i = 0; i < w->roster.n; i++) {
        const struct entry *e = &w->roster.list[i];
        if (!e->line || e->away || e->due == 0 || e->due > now || is_among(list, *n, e))
            continue;
        list = mem_grow(list, *n + 1, sizeof(struct entry *));
        list[(*n)++] = e;
    }
    return list;
}

/* In pieces, the roster changes on the way: those that run, then the others. */
static void round_over(struct working *w)
{
    own(strs_fini) struct strs due = {0};
    own(strs_fini) struct strs running = {0};
    const int64_t now = clock_ms();
    size_t n;
    const struct entry **polled = time_to_ask(w, now, &n);
    w->nrefusals = 0;
    for (size_t i = 0; i < w->roster.n; i++) { /* oldest first */
        struct entry *e = &w->roster.list[i];
        const bool known = e->phase != PHASE_COUNT && !e->line; /* and did not run */
        if ((e->due > now && !is_among(polled, n, e)) || e->away || waits_for_crew(w, e))
            continue;
        if (!runs(w, e))
            strs_add(&due, e->id);
        else if (known && !left_record(e))
            e->due = now + POLL_MS;
        else
            strs_add(&running, e->id);
    }
    free(polled);
    ask(w, &running);
    for (size_t i = 0; i < due.n && !stopping(w); i++) {
        struct entry *e = roster_find(&w->roster, due.list[i]);
        const bool waits = e->phase == PHASE_QUEUED && e->turn > now && is_refused(w, e);
        e->due = waits ? e->turn : advance(w, e);
        if (e->due == 0)
            forget(w, e);
    }
}

/* Processes that came to their end: their jobs are looked at anew. */
static void gather(struct working *w)
{
    char id[UUID_TEXT];
    struct err err;
    while (crew_reap(&w->crew, id, &err)) {
        struct entry *e = roster_find(&w->roster, id);
        const int64_t later = err.text[0] ? trouble(w, id, &err) : 0;
        if (!e) { /* it was of no job */
            w->away = false;
            w->rest = clock_ms() + (later ? TIDY_MS : TICK_MS);
            continue;
        }
        e->away = false;
        e->due = later;
    }
}

/* What is due of jobs that have ended: done by one process, whom nobody waits for. */
static int tidy_up(struct working *w, struct err *err)
{
    const int64_t now = clock_ms();
    w->tidy = INT64_MAX;
    if (w->worker->mode == WORKER_JOBS || w->away)
        return 0;
    if (sweep_when(w->worker->step.store, now, &w->tidy, err) < 0)
        return -1;
    if (w->tidy <= now && w->rest > now && w->rest - now <= TIDY_MS)
        w->tidy = w->rest;
    if (w->tidy > now || crew_full(&w->crew))
        return 0;
    if (crew_start(&w->crew, NULL, err) < 0)
        return -1;
    w->tidy = INT64_MAX;
    w->away = true;
    return 0;
}

/* The next moment at which something is due, INT64_MAX when nothing is. */
static int64_t next_due(const struct working *w)
{
    int64_t next = w->away || crew_full(&w->crew) ? INT64_MAX : w->tidy;
    if (caller_due(&w->worker->caller) < next)
        next = caller_due(&w->worker->caller);
    for (size_t i = 0; i < w->roster.n; i++) {
        const struct entry *e = &w->roster.list[i];
        if (!e->away && !waits_for_crew(w, e) && e->due < next)
            next = e->due;
    }
    return next;
}

/* Sleeps until the next moment of the jobs, in slices where somebody looks on. */
static void sleep_until(const struct working *w, int64_t due)
{
    const struct caller *c = &w->worker->caller;
    struct pollfd fds[4 + 2 * CREW_MAX] = {{w->alarm, POLLIN, 0},
                                           {w->worker->told, POLLIN, 0},
                                           {w->clock, POLLIN, 0},
                                           {c->begun ? c->end : -1, POLLIN, 0}};
    const size_t n = 4 + crew_fds(&w->crew, fds + 4);
    const int64_t slice = w->worker->tick ? TICK_MS : REST_MS;
    const int64_t most = w->deaf ? IDLE_MS : REST_MS, left = due - clock_ms();
    const int64_t until = clock_boot() + (left < most ? left : most);
    for (;;) {
        const int64_t ms = until - clock_boot();
        if (ms <= 0 || poll(fds, n, (int)(ms < slice ? ms : slice)) != 0)
            return;
        if (w->worker->tick)
            w->worker->tick(w->worker->step.context);
    }
}

static int work(struct worker *worker, struct err *err)
{
    own(working_fini) struct working w = {.worker = worker, .alarm = -1, .clock = -1};
    const bool named = worker->mode == WORKER_JOBS;
    worker->step.brief = !named || worker->ids->n > 1; /* one job is followed closely */
    alarm_open(&w);
    if (roster_begin(&w.roster, worker->step.store, named ? worker->ids : NULL, err) < 0)
        return -1;
    w.roster.all = worker->mode == WORKER_WATCH; /* --once is over some time */
    while (!stopping(&w)) {
        alarm_read(&w);
        gather(&w);
        if (roster_refresh(&w.roster, worker->step.store, err) < 0)
            return -1;
        round_over(&w);
        care_for_callouts(&w);
        if (tidy_up(&w, err) < 0)
            return -1;
        const int64_t next = next_due(&w);
        const bool rest = crew_idle(&w.crew) && next > clock_ms();
        if (!stopping(&w) && ((worker->mode == WORKER_ONCE && rest) || (named && w.roster.n == 0)))
            return 0;
        sleep_until(&w, next);
    }
    return 1;
}

int worker_run(struct worker *worker, struct err *err)
{
    /* who looks after some jobs only is no worker for the others */
    int there = worker->mode == WORKER_JOBS ? -1 : presence_hold(worker->step.store);
    const int rc = work(worker, err);
    caller_end(&worker->caller, worker->step.store, worker->step.stop, worker->step.context);
    presence_end(&there);
    return rc;
}

/* The one pass over a source, and when it is worth trying again. */
#include "stager.h"
#include <sys/random.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "host/path.h"

#define TRIES_MAX 5 /* without anything new */
#define STILL_MS 20000
#define PAUSE_MAX_PERSON 30 /* seconds; a server that asks for more is not asked again */
#define PAUSE_MAX 300

void source_close(struct source **src)
{
    struct err ignored;
    if (!*src)
        return;
    if ((*src)->close)
        (*src)->close(*src);
    if ((*src)->fd >= 0)
        close((*src)->fd);
    free((*src)->name);
    free((*src)->shown);
    free((*src)->validator);
    free((*src)->promised);
    if ((*src)->scratch)
        path_remove((*src)->scratch, &ignored);
    free((*src)->scratch);
    free(*src);
    *src = NULL;
}

/* --- trying again --- */

/* Is another try worth it after f? Where people wait, not when nothing came for long. */
static bool worth_it(struct transfer *t, int64_t count, struct fault *f)
{
    struct patience *p = &t->patience;
    bool person = t->item->direction == DIRECTION_COPY;
    if (p->tries >= TRIES_MAX || !f->transient || stager_signal ||
        !(f->again || f->reason == REASON_UNREACHABLE || f->reason == REASON_SLOW))
        return false;
    if (count > p->best) {
        p->best = count;
        if (f->reason != REASON_SLOW) /* a trickle is no progress */
            p->tries = 0;
    }
    bool still = f->reason == REASON_SLOW || clock_boot() - p->moved >= STILL_MS;
    if (++p->tries >= TRIES_MAX || (person && still))
        return false;
    if (f->pause <= (person ? PAUSE_MAX_PERSON : PAUSE_MAX))
        return true;
    p->tries = TRIES_MAX;
    size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof(f->text) - n, "; it asks to come again in %ld s", f->pause);
    return false;
}

/* Waits before another try; false when there shall be none. */
bool transfer_again(struct transfer *t, int64_t count, struct fault *f)
{
    if (!worth_it(t, count, f))
        return false;
    /* 0.5, 1, 2, 4 s, give or take a quarter, lest all come back at once */
    long ms = 250L << t->patience.tries, chance = 0;
    if (getrandom(&chance, sizeof(chance), 0) == sizeof(chance))
        ms += ms * (labs(chance % 501) - 250) / 1000;
    if (f->pause > 0)
        ms = 1000 * f->pause;
    if (prog_verbose)
        prog_say("notice", NULL, "%s; trying again in %ld.%ld s", f->text, ms / 1000,
                 ms % 1000 / 100);
    if (f->pause > 0)
        t->patience.moved += ms; /* to wait as told is not to be idle */
    for (; ms > 0 && !stager_signal; ms -= 100)
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000 * (ms < 100 ? ms : 100)}, NULL);
    return !stager_signal;
}

/* --- the stream --- */

int stream_rewind(struct stream *s, struct fault *f)
{
    s->count = 0;
    s->ended = s->failed = false;
    digest_free(s->digest);
    s->digest = digest_new(s->want, f);
    if (!s->digest || s->src->begin(s->src, f) < 0) {
        s->failed = true;
        return -1;
    }
    return 0;
}

static int check_most(const struct stream *s, int64_t size, struct fault *f)
{
    const int64_t most = s->t->item->most;
    if (most == 0 || size <= most)
        return 0;
    return fault_set(f, REASON_INVALID, false,
                     "%s is too large: at most %" PRId64 " bytes of it are taken", s->src->shown,
                     most);
}

int stream_open(struct stream *s, struct transfer *t, struct source *src, struct fault *f)
{
    const struct item *item = t->item;
    const char *want = item->loose ? NULL : item->checksum;
    *s = (struct stream){.t = t, .src = src, .want = want ? want : src->promised};
    if (stream_rewind(s, f) < 0)
        return -1;
    if (check_most(s, src->size, f) < 0)
        return -1;
    if (item->size >= 0 && src->size >= 0 && item->size != src->size)
        return fault_set(f, REASON_CORRUPT, false, "%s has %" PRId64 " bytes, expected %" PRId64,
                         src->shown, src->size, item->size);
    t->total = src->size >= 0 ? src->size : item->size;
    return 0;
}

static int stream_finish(struct stream *s, struct fault *f)
{
    const char *shown = s->src->shown;
    int64_t promised = s->src->size >= 0 ? s->src->size : s->t->item->size;
    if (promised >= 0 && promised != s->count)
        return fault_set(f, REASON_CORRUPT, true,
                         "%s gave %" PRId64 " bytes, promised were %" PRId64, shown, s->count,
                         promised);
    if (!digest_end(s->digest, s->want, s->checksum))
        return fault_set(f, REASON_CORRUPT, false, "%s does not have the checksum %s (its %s)",
                         shown, s->want, s->checksum);
    s->ended = true;
    return 0;
}

static int stream_watch(struct stream *s, struct fault *f)
{
    const struct watcher *w = s->t->watcher;
    if (stager_signal)
        return fault_set(f, REASON_STOPPED, true, "stopped by signal %d", (int)stager_signal);
    if (w->progress(w->self, s->count, s->t->total) < 0)
        return fault_set(f, REASON_STOPPED, true, "nobody listens any more");
    return 0;
}

/* Counts and digests n bytes. */
static int stream_take(struct stream *s, const char *bytes, size_t n, struct fault *f)
{
    struct patience *p = &s->t->patience;
    digest_add(s->digest, bytes, n);
    s->count += (int64_t)n;
    if (check_most(s, s->count, f) < 0)
        return -1;
    if (s->count > p->best)
        p->moved = clock_boot();
    return (n == 0 || s->count == s->src->size) && stream_finish(s, f) < 0 ? -1 : 0;
}

int stream_skip(struct stream *s, int fd, struct fault *f)
{
    int64_t size = s->src->size;
    char *bytes;
    ssize_t got;
    while ((got = read(fd, bytes = digest_block(s->digest), DIGEST_BLOCK)) > 0) {
        if (size >= 0 && s->count + got > size) {
            fault_set(f, REASON_CORRUPT, true, "%s is shorter now", s->src->shown);
            f->restart = true;
            return -1;
        }
        if (stream_take(s, bytes, (size_t)got, f) < 0 || stream_watch(s, f) < 0)
            return -1;
    }
    if (got < 0)
        return fault_sys(f, "cannot read what came of %s before", s->src->shown);
    s->t->patience.best = s->count;
    return s->count > 0 && !s->ended ? s->src->resume(s->src, s->count, f) : 0;
}

/* A source that broke off goes on where it was, if it can and it is worth another try. */
static ssize_t stream_pull(struct stream *s, char *bytes, size_t n, struct fault *f)
{
    struct source *src = s->src;
    ssize_t got = src->read(src, bytes, n, f);
    while (got < 0 && src->resume && src->validator && s->count > 0 &&
           transfer_again(s->t, s->count, f))
        if (src->resume(src, s->count, f) == 0)
            got = src->read(src, bytes, n, f);
        else if (f->restart)
            break;
    return got;
}

static ssize_t stream_step(struct stream *s, char *bytes, size_t n, struct fault *f)
{
    if (stream_watch(s, f) < 0)
        return -1;
    ssize_t got = stream_pull(s, bytes, n, f);
    return got < 0 || stream_take(s, bytes, (size_t)got, f) < 0 ? -1 : got;
}

ssize_t stream_read(struct stream *s, char *bytes, size_t n, struct fault *f)
{
    if (s->ended)
        return 0;
    ssize_t got = s->failed ? -1 : stream_step(s, bytes, n, f);
    s->failed = got < 0;
    return got;
}

void stream_close(struct stream *s)
{
    digest_free(s->digest);
    s->digest = NULL;
}

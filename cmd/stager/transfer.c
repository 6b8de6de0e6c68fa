#include "stager.h"
#include <sys/random.h>
#include <sys/stat.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "host/path.h"
#include "text/uri.h"

#define TRIES_MAX 5 /* without anything new */
#define STILL_MS 20000
#define PAUSE_MAX_PERSON 30 /* seconds; a server that asks for more is not asked again */
#define PAUSE_MAX 300

#ifndef HAVE_CURL
const struct scheme scheme_http = {.name = "http", .lacks = "libcurl"};
const struct scheme scheme_https = {.name = "https", .lacks = "libcurl"};
const struct scheme scheme_s3 = {.name = "s3", .lacks = "libcurl"};
const struct scheme scheme_vos = {.name = "vos", .lacks = "libcurl"};

void web_forget(void)
{
}

void web_choose(const struct item *item)
{
    (void)item;
}
#endif

static const struct scheme *const schemes[] = {&scheme_file, &scheme_http, &scheme_https,
                                               &scheme_job,  &scheme_s3,   &scheme_vos};

volatile sig_atomic_t stager_signal;

static const struct {
    const char *name;
    enum code code;
} reasons[] = {
    [REASON_NONE] = {"none", CODE_OK},
    [REASON_NOTFOUND] = {"notfound", CODE_NOINPUT},
    [REASON_EXISTS] = {"exists", CODE_NO},
    [REASON_DENIED] = {"denied", CODE_PERM},
    [REASON_FORBIDDEN] = {"forbidden", CODE_PERM},
    [REASON_NOROOM] = {"noroom", CODE_IO},
    [REASON_CORRUPT] = {"corrupt", CODE_NO},
    [REASON_UNREACHABLE] = {"unreachable", CODE_UNAVAIL},
    [REASON_SLOW] = {"slow", CODE_TEMP},
    [REASON_INVALID] = {"invalid", CODE_NO},
    [REASON_UNSUPPORTED] = {"unsupported", CODE_UNAVAIL},
    [REASON_MISSING] = {"unsupported", CODE_UNAVAIL},
    [REASON_STOPPED] = {"stopped", CODE_IO},
};

int fault_set(struct fault *f, enum reason reason, bool transient, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *f = (struct fault){.reason = reason, .transient = transient};
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    return -1;
}

static enum reason reason_of_errno(int errnum, bool *transient)
{
    *transient = false;
    switch (errnum) {
    case ENOENT:
        return REASON_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return REASON_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* the limit on the size of a file */
        return REASON_NOROOM;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG:
    case EXDEV:
    case ENXIO:
        return REASON_INVALID;
    default: /* EIO, ESTALE, EMFILE and their like: the machine, not what was asked */
        *transient = true;
        return REASON_UNREACHABLE;
    }
}

int fault_sys(struct fault *f, const char *fmt, ...)
{
    int errnum = errno;
    char text[900];
    bool transient;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    enum reason reason = reason_of_errno(errnum, &transient);
    return fault_set(f, reason, transient, "%s: %s", text, strerror(errnum));
}

const char *fault_name(const struct fault *f)
{
    return reasons[f->reason].name;
}

enum code fault_code(const struct fault *f)
{
    return f->transient ? CODE_TEMP : reasons[f->reason].code;
}

const char *kind_word(enum kind kind)
{
    return kind == KIND_FILE ? "file" : kind == KIND_DIRECTORY ? "directory" : NULL;
}

static void note_signal(int number)
{
    stager_signal = number;
}

void stager_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction old, note = {.sa_handler = note_signal};
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &note, NULL);
    signal(SIGXFSZ, SIG_IGN); /* so that write() says EFBIG */
}

void stager_die(void)
{
    int number = stager_signal;
    if (number == 0)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

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

int stream_open(struct stream *s, struct transfer *t, struct source *src, struct fault *f)
{
    const struct item *item = t->item;
    const char *want = item->loose ? NULL : item->checksum;
    *s = (struct stream){.t = t, .src = src, .want = want ? want : src->promised};
    if (stream_rewind(s, f) < 0)
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

/* --- one file --- */

int transfer_warn(struct transfer *t, const char *name, struct fault *f, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (t->watcher->warning(t->watcher->self, name, text) < 0)
        return fault_set(f, REASON_STOPPED, true, "nobody listens any more");
    return 0;
}

/* Staged inputs are private and keep only their owner's x; elsewhere the permissions go along, less
 * the umask and all that is special. */
static mode_t file_mode(const struct transfer *t, const struct source *src)
{
    if (t->item->direction == DIRECTION_PULL)
        return 0600 | (src->mode & 0100);
    mode_t mask = umask(0);
    umask(mask);
    return ((src->mode ? (src->mode & 0777) | 0600 : 0666)) & ~mask;
}

/* A checksum known beforehand may already be there. */
static bool already_there(struct transfer *t, const char *url, struct stream *s)
{
    struct fault ignored = {0};
    if (!t->item->checksum || t->item->unpack || !t->to->present)
        return false;
    own(source_close) struct source *there = t->to->present(url);
    struct item strict = *t->item;
    struct transfer local = *t;
    strict.loose = false;
    local.item = &strict;
    if (!there || stream_open(s, &local, there, &ignored) < 0)
        return false;
    ssize_t n;
    do
        n = stream_read(s, digest_block(s->digest), DIGEST_BLOCK, &ignored);
    while (n > 0);
    s->src = NULL; /* it ends here */
    s->t = t;
    return s->ended;
}

static int tell_moved(struct transfer *t, const struct stream *s, const char *name, const char *url,
                      struct fault *f)
{
    own(str_fini) char *location = url_lasting(url);
    struct moved m = {name, location, s->count, s->checksum};
    t->out.bytes += s->count;
    if (!t->item->unpack)
        t->out.files++;
    if (!t->item->unpack)
        snprintf(t->out.checksum, sizeof(t->out.checksum), "%s", s->checksum);
    if (t->watcher->file(t->watcher->self, &m) < 0)
        return fault_set(f, REASON_STOPPED, true, "nobody listens any more");
    return 0;
}

static int move_once(struct transfer *t, struct source *src, struct stream *s, const char *url,
                     struct fault *f)
{
    if (stream_open(s, t, src, f) < 0)
        return -1;
    mode_t mode = file_mode(t, src);
    if (!t->item->unpack)
        return t->to->put(s, url, mode, f);
#ifdef HAVE_ARCHIVE
    return archive_put(s, url, mode, f);
#else
    return fault_set(f, REASON_MISSING, false,
                     "execdm-stage was built without libarchive and cannot unpack %s", src->shown);
#endif
}

int transfer_file(struct transfer *t, struct source *src, const char *name, const char *url,
                  struct fault *f)
{
    t->patience = (struct patience){.moved = clock_boot()};
    for (bool first = true;; first = false) {
        own(stream_close) struct stream s = {0};
        if (first && already_there(t, url, &s))
            return tell_moved(t, &s, name, url, f);
        stream_close(&s);
        *f = (struct fault){0};
        if (move_once(t, src, &s, url, f) == 0)
            return tell_moved(t, &s, name, url, f);
        if (!transfer_again(t, s.count, f))
            return -1;
    }
}

/* --- one item --- */

static const struct scheme *scheme_of(const char *url, struct fault *f)
{
    own(str_fini) char *name = uri_scheme(url);
    own(str_fini) char *shown = uri_shown(url);
    for (size_t i = 0; name && i < COUNT(schemes); i++) {
        if (!str_same(name, schemes[i]->name))
            continue;
        if (!schemes[i]->lacks)
            return schemes[i];
        fault_set(f, REASON_MISSING, false, "execdm-stage was built without %s and cannot reach %s",
                  schemes[i]->lacks, shown);
        return NULL;
    }
    own(str_fini) char *program = name ? external_program(name) : NULL;
    if (program)
        return &scheme_external;
    fault_set(f, REASON_UNSUPPORTED, false,
              "%s: expected a file:, http:, https:, s3:, vos: or job: URL, and there is no "
              "execdm-stage-%s for others; a file whose name has a colon is ./NAME",
              shown, name ? name : "SCHEME");
    return NULL;
}

/* Sources that were asked for ahead, oldest first. */
static struct {
    char *url;
    int credential; /* with url, foreign and public: what it was asked for as */
    bool foreign, public;
    struct source *src;
} early[AHEAD_MAX];

/* Not closed: they are on the parent's connections, in its handles. */
void transfer_forget(void)
{
    memset(early, 0, sizeof(early));
}

static struct source *take_early(const char *url, const struct item *item)
{
    for (size_t i = 0; i < AHEAD_MAX && early[i].url; i++) {
        if (!str_same(early[i].url, url) || early[i].credential != item->credential ||
            early[i].foreign != item->foreign || early[i].public != item->public)
            continue;
        struct source *src = early[i].src;
        free(early[i].url);
        memmove(&early[i], &early[i + 1], (AHEAD_MAX - 1 - i) * sizeof(*early));
        memset(&early[AHEAD_MAX - 1], 0, sizeof(*early));
        return src;
    }
    return NULL;
}

void transfer_ahead(const struct item *item)
{
    struct fault ignored = {0};
    struct transfer t = {.item = item, .total = -1};
    bool pull = item->direction == DIRECTION_PULL || item->direction == DIRECTION_COPY;
    t.from = pull ? scheme_of(item->source, &ignored) : NULL;
    t.to = pull ? scheme_of(item->dest, &ignored) : NULL;
    if (!t.from || !t.to || !t.from->ahead)
        return;
    if (item->checksum && (!t.to->kind || t.to->kind(item->dest) != KIND_UNKNOWN))
        return; /* it may be there */
    own(source_close) struct source *src = NULL;
    if (t.from->open(&t, item->source, &src, &ignored) < 0 || !src->ahead || src->kind != KIND_FILE)
        return;
    if (early[AHEAD_MAX - 1].url) { /* one whose turn never came */
        const struct item first = {.credential = early[0].credential,
                                   .foreign = early[0].foreign,
                                   .public = early[0].public};
        struct source *oldest = take_early(early[0].url, &first);
        source_close(&oldest);
    }
    size_t i = 0;
    while (early[i].url)
        i++;
    credential_choose(item);
    web_choose(item);
    src->ahead(src);
    early[i].url = str_new(item->source);
    early[i].credential = item->credential;
    early[i].foreign = item->foreign;
    early[i].public = item->public;
    early[i].src = move(src);
}

static int open_with(const struct scheme *scheme, struct transfer *t, const char *url,
                     struct source **src, struct fault *f)
{
    return (*src = take_early(url, t->item)) ? 0 : scheme->open(t, url, src, f);
}

int transfer_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    const struct scheme *scheme = scheme_of(url, f);
    return scheme ? open_with(scheme, t, url, src, f) : -1;
}

/* Where a single file goes: to dest itself, or below it under the source's last name. */
static char *file_dest(const struct transfer *t, const struct source *src, struct fault *f)
{
    const struct item *item = t->item;
    bool below = url_is_folder(item->dest);
    if (!below && t->to->kind && item->direction == DIRECTION_COPY)
        below = t->to->kind(item->dest) == KIND_DIRECTORY;
    if (!below && t->to->kind && item->direction == DIRECTION_PUSH)
        below = item->type != KIND_FILE && t->to->kind(item->dest) != KIND_FILE;
    if (!below || item->unpack)
        return str_new(item->dest);
    if (src->name)
        return url_below(item->dest, src->name);
    fault_set(f, REASON_INVALID, false, "%s has no last name; name the file it shall become",
              src->shown);
    return NULL;
}

static int move_single(struct transfer *t, struct source *src, struct fault *f)
{
    own(str_fini) char *url = file_dest(t, src, f);
    if (!url)
        return -1;
    own(str_fini) char *dest_name = url_name(url);
    const char *name = src->name ? src->name : dest_name ? dest_name : "file";
    t->out.kind = t->item->unpack ? KIND_DIRECTORY : KIND_FILE;
    if (transfer_file(t, src, name, url, f) < 0)
        return -1;
    return 0;
}

static int move_tree(struct transfer *t, struct source *src, struct fault *f)
{
    if (t->item->checksum)
        return fault_set(f, REASON_INVALID, false, "%s is a directory; only a file has a checksum",
                         src->shown);
    if (t->item->unpack)
        return fault_set(f, REASON_INVALID, false, "%s is a directory, expected an archive",
                         src->shown);
    t->out.kind = KIND_DIRECTORY;
    return tree_copy(t, src, t->item->dest, f);
}

static int move_item(struct transfer *t, struct fault *f)
{
    const struct item *item = t->item;
    own(source_close) struct source *src = NULL;
    if (!t->to->put)
        return fault_set(f, REASON_UNSUPPORTED, false, "nothing can be stored at a %s: URL",
                         t->to->name);
    if (open_with(t->from, t, item->source, &src, f) < 0)
        return -1;
    /* the type of a pull is its source's, unless that is unpacked; of a push its destination's */
    bool told =
        item->direction == DIRECTION_PULL ? item->type && !item->unpack : item->type == KIND_FILE;
    if (told && item->type != src->kind)
        return fault_set(f, REASON_INVALID, false, "%s is a %s, expected a %s", src->shown,
                         kind_word(src->kind), kind_word(item->type));
    return src->kind == KIND_DIRECTORY ? move_tree(t, src, f) : move_single(t, src, f);
}

static int check_item(struct transfer *t, struct fault *f)
{
    const struct item *item = t->item;
    struct found found = {.size = -1};
    t->out = (struct outcome){.kind = item->type, .bytes = -1};
    if (item->write && !t->to->writable)
        return fault_set(f, REASON_UNSUPPORTED, false, "nothing can be stored at a %s: URL",
                         t->to->name);
    if (item->write)
        return t->to->writable(item->dest ? item->dest : item->source, item->type, f);
    const char *url = item->source ? item->source : item->dest;
    own(str_fini) char *shown = uri_shown(url);
    if (t->from->readable(url, &found, f) < 0)
        return -1;
    if (item->type && item->type != found.kind && !item->unpack)
        return fault_set(f, REASON_INVALID, false, "%s is a %s, expected a %s", shown,
                         kind_word(found.kind), kind_word(item->type));
    if (item->size >= 0 && found.size >= 0 && found.size != item->size)
        return fault_set(f, REASON_CORRUPT, false, "%s has %" PRId64 " bytes, expected %" PRId64,
                         shown, found.size, item->size);
    t->out.kind = found.kind;
    t->out.bytes = found.size;
    return 0;
}

static int place_unsupported(const struct transfer *t, struct fault *f)
{
    return fault_set(f, REASON_UNSUPPORTED, false, "no place is made and removed at a %s: URL",
                     t->to->name);
}

/* A place that is to be one file comes to be when that is stored. */
static int file_absent(struct transfer *t, struct fault *f)
{
    struct found found = {.size = -1};
    own(str_fini) char *shown = uri_shown(t->item->dest);
    if (t->to->readable(t->item->dest, &found, f) == 0)
        return fault_set(f, REASON_EXISTS, false, "%s is there already", shown);
    return f->reason == REASON_NOTFOUND ? 0 : -1;
}

static int make_item(struct transfer *t, struct fault *f)
{
    const enum kind kind = t->item->type ? t->item->type : KIND_DIRECTORY;
    t->out = (struct outcome){.kind = kind};
    if (!t->to->create)
        return place_unsupported(t, f);
    return kind == KIND_FILE ? file_absent(t, f) : t->to->create(t, t->item->dest, f);
}

static int remove_item(struct transfer *t, struct fault *f)
{
    return t->to->remove ? t->to->remove(t, t->item->dest, f) : place_unsupported(t, f);
}

int transfer_run(const struct item *item, const struct watcher *watcher, struct outcome *out,
                 struct fault *f)
{
    static int (*const run[])(struct transfer * t, struct fault * f) = {
        [DIRECTION_PULL] = move_item,     [DIRECTION_PUSH] = move_item,
        [DIRECTION_CHECK] = check_item,   [DIRECTION_MAKE] = make_item,
        [DIRECTION_REMOVE] = remove_item, [DIRECTION_COPY] = move_item,
    };
    struct transfer t = {.item = item, .watcher = watcher, .total = -1};
    credential_choose(item);
    web_choose(item);
    const char *source = item->source ? item->source : item->dest;
    const char *dest = item->dest ? item->dest : item->source;
    t.from = scheme_of(source, f);
    t.to = t.from ? scheme_of(dest, f) : NULL;
    if (!t.to)
        return -1;
    int rc = run[item->direction](&t, f);
    if (rc == 0)
        *out = t.out;
    return rc;
}

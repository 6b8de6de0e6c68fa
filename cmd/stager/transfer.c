#include "stager.h"
#include <sys/stat.h>
#include "host/clock.h"
#include "text/uri.h"

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

/* What a program of others connects to cannot be told from here: for what is public it is not
 * started. */
static const struct scheme *external_of(const char *shown, const struct item *item, struct fault *f)
{
    if (!item->public)
        return &scheme_external;
    fault_set(f, REASON_FORBIDDEN, false,
              "%s: schemes of others are not used for tasks that come over the network "
              "(execdm.yaml(5), private-addresses)",
              shown);
    return NULL;
}

static const struct scheme *scheme_of(const char *url, const struct item *item, struct fault *f)
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
        return external_of(shown, item, f);
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
    t.from = pull ? scheme_of(item->source, item, &ignored) : NULL;
    t.to = pull ? scheme_of(item->dest, item, &ignored) : NULL;
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
    const struct scheme *scheme = scheme_of(url, t->item, f);
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
    t.from = scheme_of(source, item, f);
    t.to = t.from ? scheme_of(dest, item, f) : NULL;
    if (!t.to)
        return -1;
    int rc = run[item->direction](&t, f);
    if (rc == 0)
        *out = t.out;
    return rc;
}

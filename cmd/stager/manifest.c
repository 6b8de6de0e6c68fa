/* The worker's way to ask: JSON Lines in, JSON Lines out. */
#include "stager.h"
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "host/path.h"
#include "text/doc.h"
#include "text/uri.h"
#include "text/write.h"

#define PROGRESS_MS 200 /* at most five words a second about a line */
#define CHECKS_AT_ONCE 16
#define CHECK_MS 10000  /* a place that says nothing for so long is as good as none */
#define MANY 100        /* lines a process: so many are small, and an uneven end is short */
#define OUT_BYTES 32768 /* of what is done in batches, told at once */
#define BATCH_MS 2000   /* what is done waits no longer to be made lasting and told */

struct line {
    json_t *doc;
    char *checksum;
    struct item item;
    int64_t told; /* when progress was, ms since boot */
};

/* Done, but not told before it is on the disk. */
struct held {
    size_t line;
    struct outcome out;
};

struct manifest {
    struct line *lines;
    size_t n;
    struct buf out;  /* what was told and is not yet written */
    struct err *err; /* why nobody could be told */
    bool lost;       /* nobody listens */
    int code;        /* the worst so far */
    struct held *held;
    size_t nheld;
    int64_t held_since; /* ms since boot */
};

static void manifest_fini(struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++) {
        json_decref(m->lines[i].doc);
        free(m->lines[i].checksum);
    }
    free(m->lines);
    free(m->held);
    buf_fini(&m->out);
}

/* --- in --- */

enum field {
    FIELD_ID,
    FIELD_SOURCE,
    FIELD_DEST,
    FIELD_DIRECTION,
    FIELD_MODE,
    FIELD_TYPE,
    FIELD_SIZE,
    FIELD_MOST,
    FIELD_CHECKSUM,
    FIELD_UNPACK,
    FIELD_CREDENTIAL,
    FIELD_OWN,
    FIELD_PUBLIC,
    FIELDS,
};

static const struct {
    const char *name, *expected;
} fields[FIELDS] = {
    [FIELD_ID] = {"id", "a string"},
    [FIELD_SOURCE] = {"source", "a URL"},
    [FIELD_DEST] = {"dest", "a URL"},
    [FIELD_DIRECTION] = {"direction", "pull, push, check, make or remove"},
    [FIELD_MODE] = {"mode", "r or rw"},
    [FIELD_TYPE] = {"type", "file or directory"},
    [FIELD_SIZE] = {"size", "a number of bytes"},
    [FIELD_MOST] = {"most", "a number of bytes above 0"},
    [FIELD_CHECKSUM] = {"checksum", CHECKSUM_EXPECTED},
    [FIELD_UNPACK] = {"unpack", "true or false"},
    [FIELD_CREDENTIAL] = {"credential", "an open descriptor with the JSON of credentials"},
    [FIELD_OWN] = {"own", "true or false"},
    [FIELD_PUBLIC] = {"public", "true or false"},
};

/* The place of `text` in a list, or -1. */
static int choice(const char *text, const char *const list[], int n)
{
    for (int i = 0; text && i < n; i++)
        if (str_same(text, list[i]))
            return i;
    return -1;
}

static bool take_field(struct line *l, enum field field, const json_t *value)
{
    static const char *const directions[] = {"pull", "push", "check", "make", "remove"};
    static const char *const modes[] = {"r", "rw"};
    static const char *const types[] = {"", "file", "directory"};
    struct item *item = &l->item;
    const char *text = json_string_value(value);
    int at;
    switch (field) {
    case FIELD_SOURCE:
        return (item->source = text) != NULL;
    case FIELD_DEST:
        return (item->dest = text) != NULL;
    case FIELD_DIRECTION:
        at = choice(text, directions, COUNT(directions));
        item->direction = at < 0 ? DIRECTION_PULL : (enum direction)at;
        return at >= 0;
    case FIELD_MODE:
        at = choice(text, modes, COUNT(modes));
        item->write = at == 1;
        return at >= 0;
    case FIELD_TYPE:
        at = choice(text, types, COUNT(types));
        item->type = at > 0 ? (enum kind)at : KIND_UNKNOWN;
        return at > 0;
    case FIELD_SIZE:
        item->size = json_integer_value(value);
        return json_is_integer(value) && item->size >= 0;
    case FIELD_MOST:
        item->most = json_integer_value(value);
        return json_is_integer(value) && item->most > 0;
    case FIELD_CHECKSUM:
        item->checksum = l->checksum = text ? checksum_parse(text) : NULL;
        return l->checksum != NULL;
    case FIELD_UNPACK:
        item->unpack = json_is_true(value);
        return json_is_boolean(value);
    case FIELD_CREDENTIAL:
        if (!json_is_integer(value) || json_integer_value(value) <= STDERR_FILENO ||
            json_integer_value(value) > INT_MAX)
            return false;
        item->credential = (int)json_integer_value(value);
        return credential_take(item->credential) == 0;
    case FIELD_OWN:
        item->foreign = json_is_false(value);
        return json_is_boolean(value);
    case FIELD_PUBLIC:
        item->public = json_is_true(value);
        return json_is_boolean(value);
    default:
        return text != NULL;
    }
}

static int check_whole(const struct line *l, struct err *err)
{
    const struct item *item = &l->item;
    if (!json_object_get(l->doc, "id"))
        return err_set(err, CODE_DATA, "a manifest line needs an id");
    if (!json_object_get(l->doc, "direction"))
        return err_set(err, CODE_DATA,
                       "a manifest line needs a direction: pull, push, check, make or remove");
    if ((item->direction == DIRECTION_MAKE || item->direction == DIRECTION_REMOVE) &&
        (item->source || !item->dest))
        return err_set(err, CODE_DATA, "to make and to remove need a dest, and no source");
    if (item->direction == DIRECTION_MAKE || item->direction == DIRECTION_REMOVE)
        return 0;
    if (item->direction == DIRECTION_CHECK ? !item->source && !item->dest
                                           : !item->source || !item->dest)
        return err_set(err, CODE_DATA, "a manifest line needs a source and a dest");
    if (item->unpack && item->direction == DIRECTION_PUSH)
        return err_set(err, CODE_DATA, "unpack is only for direction pull");
    return 0;
}

/* Fills the line; at names what is wrong. */
static int read_line(struct line *l, char at[64], struct err *err)
{
    const char *key;
    json_t *value;
    l->item = (struct item){.size = -1};
    if (!json_is_object(l->doc))
        return err_set(err, CODE_DATA, "expected an object, {\"id\":..., \"source\":..., ...}");
    json_object_foreach (l->doc, key, value) {
        int i = 0;
        while (i < FIELDS && !str_same(fields[i].name, key))
            i++;
        if (i < FIELDS && take_field(l, (enum field)i, value))
            continue;
        snprintf(at, 64, "/%.60s", key);
        return i < FIELDS
                   ? err_set(err, CODE_DATA, "%s: expected %s", key, fields[i].expected)
                   : err_set(err, CODE_DATA, "unknown key \"%.60s\" in a manifest line", key);
    }
    return check_whole(l, err);
}

/* Who asked keeps the answers by id. */
static int new_id(const struct line *l, json_t *ids, char at[64], struct err *err)
{
    const char *id = json_text(l->doc, "id");
    if (!json_object_get(ids, id))
        return json_object_set_new(ids, id, json_true());
    snprintf(at, 64, "/id");
    return err_set(err, CODE_DATA,
                   "the id \"%.60s\" is that of a line before; expected one of its own", id);
}

/* All of it before anything is moved: a broken line must not leave half a job done. */
static int read_manifest(struct manifest *m, struct err *err)
{
    own(input_close) struct input in = {0};
    own(json_fini) json_t *ids = json_object();
    if (input_open(&in, NULL, err) < 0)
        return -1;
    for (;;) {
        json_t *doc = NULL;
        char at[64] = "";
        int rc = input_next(&in, &doc, err);
        if (rc <= 0)
            return rc;
        if ((m->n & (m->n + 1)) == 0)
            m->lines = mem_grow(m->lines, 2 * m->n + 2, sizeof(*m->lines));
        struct line *l = &m->lines[m->n++];
        *l = (struct line){.doc = doc};
        if (read_line(l, at, err) < 0 || new_id(l, ids, at, err) < 0) {
            unsigned line, column;
            input_locate(&in, m->n - 1, at, &line, &column);
            return err_at(err, in.name, line, column);
        }
    }
}

/* --- out --- */

/* A file's name is bytes; what is no UTF-8 becomes U+FFFD (the location has the bytes). */
static json_t *name_json(const char *name)
{
    json_t *text = json_string(name);
    if (text)
        return text;
    own(buf_fini) struct buf b = {0};
    for (const char *p = name; *p;) {
        size_t n = 1;
        json_t *one = NULL;
        for (; n <= 4 && strnlen(p, n) == n; n++)
            if ((one = json_stringn(p, n)))
                break;
        if (one)
            buf_add(&b, p, n);
        else
            buf_str(&b, "\xef\xbf\xbd");
        p += one ? n : 1;
        json_decref(one);
    }
    return json_string(b.bytes);
}

static int flush(struct manifest *m)
{
    if (!m->lost && m->out.len > 0 && prog_flush(&m->out, m->err) < 0)
        m->lost = true;
    m->out.len = 0;
    return m->lost ? -1 : 0;
}

/* Takes the object. */
static int tell_later(struct manifest *m, json_t *object)
{
    write_json(&m->out, object, 0);
    json_decref(object);
    buf_char(&m->out, '\n');
    return m->out.len < OUT_BYTES ? 0 : flush(m);
}

static int tell(struct manifest *m, json_t *object)
{
    return tell_later(m, object) < 0 ? -1 : flush(m);
}

static const char *id_of(const struct line *l)
{
    return json_text(l->doc, "id");
}

static json_t *count_json(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

/* Work is the number of a line. */
static struct line *line_of(const struct manifest *m, const char *work)
{
    size_t i;
    memcpy(&i, work, sizeof(i));
    return &m->lines[i];
}

static int on_progress(void *self, const char *work, int64_t bytes, int64_t total)
{
    struct manifest *m = self;
    struct line *l = line_of(m, work);
    int64_t now = clock_boot();
    if (now - l->told < PROGRESS_MS)
        return 0;
    l->told = now;
    return tell(m, json_pack("{s:s,s:s,s:I,s:o}", "id", id_of(l), "event", "progress", "bytes",
                             (json_int_t)bytes, "total", count_json(total)));
}

static int on_file(void *self, const char *work, const struct moved *moved)
{
    const struct line *l = line_of(self, work);
    json_t *file = json_pack("{s:s,s:s,s:o,s:o,s:I,s:s}", "id", id_of(l), "event", "file", "name",
                             name_json(moved->name), "location", name_json(moved->location), "size",
                             (json_int_t)moved->size, "checksum", moved->checksum);
    return l->item.batch ? tell_later(self, file) : tell(self, file);
}

static int on_warning(void *self, const char *work, const char *name, const char *text)
{
    return tell(self, json_pack("{s:s,s:s,s:o,s:o}", "id", id_of(line_of(self, work)), "event",
                                "warning", "name", name_json(name), "text", name_json(text)));
}

static int tell_done(struct manifest *m, const struct line *l, const struct outcome *out)
{
    const char *type = kind_word(out->kind), *checksum = out->checksum[0] ? out->checksum : NULL;
    json_t *done = json_pack("{s:s,s:s,s:s*,s:o,s:I,s:s*}", "id", id_of(l), "state", "done", "type",
                             type, "bytes", count_json(out->bytes), "files", (json_int_t)out->files,
                             "checksum", checksum);
    return l->item.batch ? tell_later(m, done) : tell(m, done);
}

/* One that is worse hides one that is better: what time can mend, what it cannot, this build. */
static int worse_code(int a, int b)
{
    static const int order[] = {CODE_UNAVAIL, CODE_NO, CODE_TEMP};
    for (size_t i = 0; i < COUNT(order); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return CODE_OK;
}

static int tell_failed(struct manifest *m, const struct line *l, const struct fault *f)
{
    int code = f->reason == REASON_MISSING ? CODE_UNAVAIL : f->transient ? CODE_TEMP : CODE_NO;
    m->code = worse_code(m->code, code);
    if (f->reason == REASON_STOPPED)
        return -1;
    return tell(m, json_pack("{s:s,s:s,s:{s:s,s:b,s:o}}", "id", id_of(l), "state", "failed",
                             "error", "reason", fault_name(f), "transient", f->transient, "text",
                             name_json(f->text)));
}

/* --- what is done is made to last, many at a time --- */

/* A file system, and what became of its one syncfs: the errno, or 0. The kernel tells an error once
 * only, and it may be that of any file there, so it counts for all. */
struct synced {
    dev_t dev;
    int error;
};

/* One syncfs for each file system; `done` holds those synced already. The errno, or 0. */
static int make_last(const struct line *l, struct synced *done, size_t *n)
{
    struct stat st;
    own(str_fini) char *path = uri_file_path(l->item.dest);
    if (path && stat(path, &st) == 0 && !S_ISDIR(st.st_mode) && strrchr(path, '/') > path)
        *strrchr(path, '/') = '\0';
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0)
        return path ? errno : EINVAL;
    for (size_t i = 0; i < *n; i++)
        if (done[i].dev == st.st_dev)
            return done[i].error;
    int error = syncfs(fd) < 0 ? errno : 0;
    done[(*n)++] = (struct synced){st.st_dev, error};
    return error;
}

/* Do both go into the same directory, as files? */
static bool neighbours(const struct line *a, enum kind kind, const struct line *b)
{
    if (a->item.direction != DIRECTION_PULL || kind != KIND_FILE)
        return false;
    const char *slash = strrchr(a->item.dest, '/');
    size_t n = slash ? (size_t)(slash - a->item.dest) : 0;
    return n > 0 && strncmp(a->item.dest, b->item.dest, n) == 0 &&
           strrchr(b->item.dest, '/') == b->item.dest + n;
}

static int settle(struct manifest *m)
{
    struct synced *done = mem_grow(NULL, m->nheld + 1, sizeof(*done));
    size_t n = 0;
    int rc = 0, error = 0;
    for (size_t i = 0; i < m->nheld && rc == 0; i++) {
        struct fault f = {0};
        const struct line *l = &m->lines[m->held[i].line];
        bool known = i > 0 && neighbours(l, m->held[i].out.kind, &m->lines[m->held[i - 1].line]);
        if (!known)
            error = make_last(l, done, &n);
        errno = error;
        if (error)
            fault_sys(&f, "cannot sync %s", l->item.dest);
        rc = error ? tell_failed(m, l, &f) : tell_done(m, l, &m->held[i].out);
    }
    free(done);
    m->nheld = 0;
    return flush(m) < 0 ? -1 : rc;
}

static int hold(struct manifest *m, const struct line *l, const struct outcome *out)
{
    if ((m->nheld & (m->nheld + 1)) == 0)
        m->held = mem_grow(m->held, 2 * m->nheld + 2, sizeof(*m->held));
    if (m->nheld == 0)
        m->held_since = clock_boot();
    m->held[m->nheld++] = (struct held){(size_t)(l - m->lines), *out};
    return clock_boot() - m->held_since < BATCH_MS ? 0 : settle(m);
}

static int on_done(void *self, const char *work, const struct outcome *out, const struct fault *f)
{
    struct manifest *m = self;
    const struct line *l = line_of(m, work);
    struct fault named;
    if (!f)
        return l->item.batch ? hold(m, l, out) : tell_done(m, l, out);
    if (strstr(f->text, "://") || f->reason == REASON_STOPPED)
        return tell_failed(m, l, f);
    own(str_fini) char *shown = uri_shown(l->item.source ? l->item.source : l->item.dest);
    fault_set(&named, f->reason, f->transient, "cannot reach %s: %s", shown, f->text);
    return tell_failed(m, l, &named);
}

/* --- side by side --- */

static int on_run(void *self, const char *work, size_t n, const struct watcher *watcher,
                  struct outcome *out, struct fault *f)
{
    (void)n;
    return transfer_run(&line_of(self, work)->item, watcher, out, f);
}

static void on_ahead(void *self, const char *work)
{
    transfer_ahead(&line_of(self, work)->item);
}

/* All checks, or all that is not one. */
static void run_lines(struct manifest *m, bool checks, int jobs)
{
    const struct pool_owner owner = {
        .self = m,
        .run = on_run,
        .ahead = on_ahead,
        .progress = on_progress,
        .file = on_file,
        .warning = on_warning,
        .done = on_done,
        .limit_ms = checks ? CHECK_MS : 0,
        .jobs = jobs,
    };
    struct pool *p = pool_new(&owner);
    bool light = !checks && m->n >= MANY * (size_t)jobs;
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++)
        if ((m->lines[i].item.direction == DIRECTION_CHECK) == checks)
            rc = pool_give(p, (const char *)&i, sizeof(i), light);
    if (rc == 0)
        rc = pool_wait(p);
    if (rc == 0 && !m->lost)
        settle(m);
    flush(m); /* what was told of those that are not done */
    pool_free(p);
}

/* Lines share the processes; what is left of them a directory may have for its files. */
static void share_jobs(struct manifest *m, int jobs)
{
    size_t moves = 0;
    for (size_t i = 0; i < m->n; i++)
        moves += m->lines[i].item.direction != DIRECTION_CHECK;
    size_t share = moves > 0 && moves < (size_t)jobs ? (size_t)jobs / moves : 1;
    for (size_t i = 0; i < m->n; i++) {
        struct item *item = &m->lines[i].item;
        item->jobs = (int)share;
        bool data = item->direction == DIRECTION_PULL || item->direction == DIRECTION_PUSH;
        item->batch = data && str_begins(item->dest, "file:");
    }
}

int manifest_run(int jobs, struct err *err)
{
    own(manifest_fini) struct manifest m = {.err = err};
    if (read_manifest(&m, err) < 0)
        return -1;
    share_jobs(&m, jobs);
    stager_catch();
    run_lines(&m, true, CHECKS_AT_ONCE);
    if (!m.lost && !stager_signal)
        run_lines(&m, false, jobs);
    stager_die();
    return m.lost ? -1 : m.code;
}

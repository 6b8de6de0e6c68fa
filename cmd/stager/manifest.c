/* The worker's way to ask: JSON Lines in, JSON Lines out. */
#include "stager.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "host/path.h"
#include "text/doc.h"
#include "text/uri.h"
#include "text/write.h"

#define PROGRESS_NS (200 * 1000 * 1000) /* at most five a second */
#define CHECKS_AT_ONCE 16
#define CHECK_SECONDS 10 /* a place that says nothing for so long is as good as none */

struct line {
    json_t *doc;
    char *checksum;
    struct item item;
};

struct manifest {
    struct line *lines;
    size_t n;
    struct err *err;      /* why nobody could be told */
    bool lost;            /* nobody listens */
    const char *id;       /* of the line under way */
    struct timespec last; /* when progress was told */
};

static void manifest_fini(struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++) {
        json_decref(m->lines[i].doc);
        free(m->lines[i].checksum);
    }
    free(m->lines);
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
    FIELD_CHECKSUM,
    FIELD_UNPACK,
    FIELDS,
};

static const struct {
    const char *name, *expected;
} fields[FIELDS] = {
    [FIELD_ID] = {"id", "a string"},
    [FIELD_SOURCE] = {"source", "a URL"},
    [FIELD_DEST] = {"dest", "a URL"},
    [FIELD_DIRECTION] = {"direction", "pull, push or check"},
    [FIELD_MODE] = {"mode", "r or rw"},
    [FIELD_TYPE] = {"type", "file or directory"},
    [FIELD_SIZE] = {"size", "a number of bytes"},
    [FIELD_CHECKSUM] = {"checksum", "sha256: and 64 hex digits, or md5: and 32"},
    [FIELD_UNPACK] = {"unpack", "true or false"},
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
    static const char *const directions[] = {"pull", "push", "check"};
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
    case FIELD_CHECKSUM:
        item->checksum = l->checksum = text ? checksum_parse(text) : NULL;
        return l->checksum != NULL;
    case FIELD_UNPACK:
        item->unpack = json_is_true(value);
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
        return err_set(err, CODE_DATA, "a manifest line needs a direction: pull, push or check");
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
        snprintf(at, 64, "/%.60s", key);
        if (i == FIELDS)
            return err_set(err, CODE_DATA, "unknown key \"%.60s\" in a manifest line", key);
        if (!take_field(l, (enum field)i, value))
            return err_set(err, CODE_DATA, "%s: expected %s", key, fields[i].expected);
    }
    at[0] = '\0';
    return check_whole(l, err);
}

/* All of it before anything is moved: a broken line must not leave half a job done. */
static int read_manifest(struct manifest *m, struct err *err)
{
    own(input_close) struct input in = {0};
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
        if (read_line(l, at, err) < 0) {
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

/* Takes the object, puts the id first. */
static int tell(struct manifest *m, json_t *rest)
{
    own(json_fini) json_t *object = json_pack("{s:s}", "id", m->id);
    own(buf_fini) struct buf out = {0};
    json_object_update(object, rest);
    json_decref(rest);
    write_json(&out, object, 0);
    buf_char(&out, '\n');
    if (!m->lost && prog_flush(&out, m->err) < 0)
        m->lost = true;
    return m->lost ? -1 : 0;
}

static json_t *count_json(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static int on_progress(void *self, int64_t bytes, int64_t total)
{
    struct manifest *m = self;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns =
        (int64_t)(now.tv_sec - m->last.tv_sec) * 1000000000 + now.tv_nsec - m->last.tv_nsec;
    if (ns < PROGRESS_NS)
        return 0;
    m->last = now;
    return tell(m, json_pack("{s:s,s:I,s:o}", "event", "progress", "bytes", (json_int_t)bytes,
                             "total", count_json(total)));
}

static int on_file(void *self, const struct moved *moved)
{
    return tell(self, json_pack("{s:s,s:o,s:o,s:I,s:s}", "event", "file", "name",
                                name_json(moved->name), "location", name_json(moved->location),
                                "size", (json_int_t)moved->size, "checksum", moved->checksum));
}

static int on_warning(void *self, const char *name, const char *text)
{
    return tell(self, json_pack("{s:s,s:o,s:o}", "event", "warning", "name", name_json(name),
                                "text", name_json(text)));
}

static int tell_done(struct manifest *m, const struct outcome *out)
{
    json_t *done = json_pack("{s:s}", "state", "done");
    if (out->kind)
        json_object_set_new(done, "type", json_string(kind_name(out->kind)));
    json_object_set_new(done, "bytes", count_json(out->bytes));
    json_object_set_new(done, "files", json_integer(out->files));
    if (out->checksum[0])
        json_object_set_new(done, "checksum", json_string(out->checksum));
    return tell(m, done);
}

static int tell_failed(struct manifest *m, const struct fault *f)
{
    return tell(m, json_pack("{s:s,s:{s:s,s:b,s:o}}", "state", "failed", "error", "reason",
                             fault_name(f), "transient", f->transient, "text", name_json(f->text)));
}

/* Returns what the exit code would be for this line alone. */
static int run_line(struct manifest *m, const struct line *l)
{
    const struct watcher watcher = {m, on_progress, on_file, on_warning};
    struct outcome out = {0};
    struct fault f = {0};
    m->id = json_string_value(json_object_get(l->doc, "id"));
    if (transfer_run(&l->item, &watcher, &out, &f) == 0) {
        tell_done(m, &out);
        return CODE_OK;
    }
    if (f.reason == REASON_STOPPED)
        return CODE_TEMP;
    tell_failed(m, &f);
    return f.reason == REASON_MISSING ? CODE_UNAVAIL : f.transient ? CODE_TEMP : CODE_NO;
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

/* --- checks, side by side --- */

/* One line under way in a process of its own: a host that hangs, or the resolver, or a network file
 * system, takes nobody's time but its own, and that has an end. */
struct check {
    const struct line *line;
    pid_t pid;
    int fd;          /* what it says */
    int64_t give_up; /* ms since boot */
    struct buf said;
};

static void check_fini(struct check *c)
{
    fd_fini(&c->fd);
    buf_fini(&c->said);
    *c = (struct check){.fd = -1};
}

/* Does not come back in the child. */
static int start_check(struct manifest *m, struct check *c, const struct line *line)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        _exit(run_line(m, line));
    }
    close(ends[1]);
    *c = (struct check){line, pid, ends[0], clock_boot() + CHECK_SECONDS * 1000, {0}};
    if (pid < 0)
        check_fini(c);
    return pid < 0 ? -1 : 0;
}

static int fail_check(struct manifest *m, const struct check *c, enum reason reason,
                      const char *why)
{
    struct fault f;
    const struct item *item = &c->line->item;
    own(str_fini) char *shown = uri_shown(item->source ? item->source : item->dest);
    fault_set(&f, reason, true, "cannot reach %s: %s", shown, why);
    m->id = json_text(c->line->doc, "id");
    tell_failed(m, &f);
    return CODE_TEMP;
}

/* It said all it has to say. */
static int end_check(struct manifest *m, struct check *c)
{
    int status = 0, code = CODE_TEMP;
    waitpid(c->pid, &status, 0);
    if (c->said.len == 0 && !stager_signal)
        code = fail_check(m, c, REASON_UNREACHABLE, "the check ended without a word");
    else if (!m->lost && prog_flush(&c->said, m->err) < 0)
        m->lost = true;
    else
        code = WIFEXITED(status) ? WEXITSTATUS(status) : CODE_TEMP;
    check_fini(c);
    return code;
}

static int drop_check(struct manifest *m, struct check *c)
{
    char why[80];
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, WNOHANG); /* it may hang in the kernel; then it is not waited for */
    snprintf(why, sizeof(why), "it gave no answer within %d s", CHECK_SECONDS);
    int code = fail_check(m, c, REASON_SLOW, why);
    check_fini(c);
    return code;
}

/* Waits for news of those under way; returns the worst code of those that ended. */
static int wait_checks(struct manifest *m, struct check *checks, size_t n)
{
    struct pollfd fds[CHECKS_AT_ONCE];
    char bytes[4096];
    int64_t now = clock_boot(), wait = CHECK_SECONDS * 1000;
    int code = CODE_OK;
    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){checks[i].fd, POLLIN, 0};
        if (checks[i].fd >= 0 && checks[i].give_up - now < wait)
            wait = checks[i].give_up > now ? checks[i].give_up - now : 0;
    }
    if (poll(fds, n, (int)wait) < 0)
        return code; /* a signal */
    for (size_t i = 0; i < n; i++) {
        struct check *c = &checks[i];
        ssize_t got = fds[i].revents ? read(c->fd, bytes, sizeof(bytes)) : -1;
        if (got > 0)
            buf_add(&c->said, bytes, (size_t)got);
        else if (got == 0)
            code = worse_code(code, end_check(m, c));
        else if (c->fd >= 0 && clock_boot() >= c->give_up)
            code = worse_code(code, drop_check(m, c));
    }
    return code;
}

static int run_checks(struct manifest *m)
{
    struct check checks[CHECKS_AT_ONCE];
    size_t next = 0, busy;
    int code = CODE_OK;
    for (size_t i = 0; i < COUNT(checks); i++)
        checks[i] = (struct check){.fd = -1};
    do {
        busy = 0;
        for (size_t i = 0; i < COUNT(checks); i++) {
            while (next < m->n && m->lines[next].item.direction != DIRECTION_CHECK)
                next++;
            if (checks[i].fd < 0 && next < m->n && !m->lost && !stager_signal) {
                const struct line *line = &m->lines[next++];
                if (start_check(m, &checks[i], line) < 0)
                    code = worse_code(code, run_line(m, line));
            }
            busy += checks[i].fd >= 0;
        }
        if (busy > 0)
            code = worse_code(code, wait_checks(m, checks, COUNT(checks)));
    } while ((busy > 0 || next < m->n) && !m->lost && !stager_signal);
    for (size_t i = 0; i < COUNT(checks); i++)
        if (checks[i].fd >= 0) {
            kill(checks[i].pid, SIGKILL);
            check_fini(&checks[i]);
        }
    return code;
}

int manifest_run(struct err *err)
{
    own(manifest_fini) struct manifest m = {.err = err};
    if (read_manifest(&m, err) < 0)
        return -1;
    stager_catch();
    clock_gettime(CLOCK_MONOTONIC, &m.last);
    int code = run_checks(&m);
    for (size_t i = 0; i < m.n && !m.lost && !stager_signal; i++)
        if (m.lines[i].item.direction != DIRECTION_CHECK)
            code = worse_code(code, run_line(&m, &m.lines[i]));
    stager_die();
    return m.lost ? -1 : code;
}

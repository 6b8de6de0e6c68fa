/* A person's way to ask: SOURCE DEST, a bar while it goes on, one line when it is done. */
#include "stager.h"
#include "cli/prog.h"
#include "text/doc.h"
#include "text/size.h"
#include "text/uri.h"

#define BAR_MS 200

struct person {
    bool bar; /* standard error is a terminal where somebody looks */
    bool drawn;
    int64_t start, last; /* ms */
    char *location;      /* of the last file */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void clear(struct person *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

static int on_progress(void *self, int64_t bytes, int64_t total)
{
    struct person *p = self;
    char moved[SIZE_TEXT], all[SIZE_TEXT], rate[SIZE_TEXT];
    int64_t now = now_ms();
    if (!p->bar || now - p->last < BAR_MS)
        return 0;
    p->last = now;
    int64_t ms = now - p->start > 0 ? now - p->start : 1;
    int64_t speed = (int64_t)((double)bytes * 1000 / (double)ms);
    size_print(bytes, moved);
    size_print(speed, rate);
    p->drawn = true;
    if (total <= 0 || bytes > total) {
        fprintf(stderr, "\r%s, %s/s\033[K", moved, rate);
        return 0;
    }
    int tenths = (int)((double)bytes / (double)total * 30);
    int64_t left = speed > 0 ? (total - bytes) / speed : 0;
    fprintf(stderr, "\r[%.*s%.*s] %3d%% of %s, %s/s, %" PRId64 ":%02d left\033[K", tenths,
            "##############################", 30 - tenths, "..............................",
            (int)((double)bytes / (double)total * 100), size_print(total, all), rate, left / 60,
            (int)(left % 60));
    return 0;
}

static int on_file(void *self, const struct moved *moved)
{
    struct person *p = self;
    str_fini(&p->location);
    p->location = str_new(moved->location);
    return 0;
}

/* The name is shown percent-encoded: it may hold what a terminal obeys. */
static int on_warning(void *self, const char *name, const char *text)
{
    clear(self);
    own(str_fini) char *plain = uri_below("", name);
    prog_say("warning", plain, "%s", text);
    return 0;
}

static void print_done(struct buf *out, const struct item *item, const struct outcome *done,
                       const char *location)
{
    own(json_fini) json_t *line = json_object();
    own(str_fini) char *source = url_bare(item->source);
    json_object_set_new(line, "source", json_string(source));
    if (item->dest) {
        own(str_fini) char *dest = url_bare(item->dest);
        bool single = done->kind == KIND_FILE && location;
        json_object_set_new(line, "dest", json_string(single ? location : dest));
    }
    if (item->direction == DIRECTION_CHECK && done->kind)
        json_object_set_new(line, "type", json_string(kind_word(done->kind)));
    if (done->bytes >= 0)
        json_object_set_new(line, "bytes", json_integer(done->bytes));
    if (done->checksum[0])
        json_object_set_new(line, "checksum", json_string(done->checksum));
    if (item->direction != DIRECTION_CHECK)
        json_object_set_new(line, "files", json_integer(done->files));
    prog_document(out, line);
}

/* For a person: where it is, how large, and what to compare it with. */
static void print_words(struct buf *out, const struct item *item, const struct outcome *done,
                        const char *location)
{
    char size[SIZE_TEXT];
    own(str_fini) char *place = url_bare(item->dest ? item->dest : item->source);
    bool single = done->kind == KIND_FILE && location;
    buf_str(out, single ? location : place);
    if (done->bytes >= 0)
        buf_print(out, "  %s", size_print(done->bytes, size));
    if (done->checksum[0])
        buf_print(out, "  %s", done->checksum);
    if (item->direction != DIRECTION_CHECK && done->kind == KIND_DIRECTORY)
        buf_print(out, "  %" PRId64 " file%s", done->files, done->files == 1 ? "" : "s");
    buf_char(out, '\n');
}

static int fail(struct err *err, const struct fault *f)
{
    stager_die();
    return err_set(err, fault_code(f), "%s", f->text);
}

/* Is SOURCE readable, and DEST, where there is one, writable? */
static int check(struct item *item, struct outcome *done, const struct watcher *watcher,
                 struct fault *f)
{
    struct outcome ignored;
    struct item to = *item;
    to.write = true;
    to.type = KIND_UNKNOWN;
    if (transfer_run(item, watcher, done, f) < 0)
        return -1;
    return item->dest ? transfer_run(&to, watcher, &ignored, f) : 0;
}

int person_run(const struct person_asks *asks, struct buf *out, struct err *err)
{
    const char *source = asks->source, *dest = asks->dest, *checksum = asks->checksum;
    bool only_check = asks->check;
    own(str_fini) char *from = url_of_operand(source);
    own(str_fini) char *to = dest ? url_of_operand(dest) : NULL;
    own(str_fini) char *want = checksum ? checksum_parse(checksum) : NULL;
    if (checksum && !want)
        return err_set(err, CODE_USAGE, "--checksum: expected " CHECKSUM_EXPECTED);
    bool outside = !str_begins(from, "file:") || (to && !str_begins(to, "file:"));
    if (outside && credential_configured(err) < 0)
        return -1;
    struct person p = {.bar = isatty(2) == 1 && !prog_quiet, .start = now_ms()};
    p.last = p.start;
    const struct watcher watcher = {&p, on_progress, on_file, on_warning};
    struct item item = {.source = from,
                        .dest = to,
                        .checksum = want,
                        .size = -1,
                        .keep = asks->resume,
                        .jobs = asks->jobs,
                        .direction = only_check ? DIRECTION_CHECK : DIRECTION_COPY};
    struct outcome done = {0};
    struct fault f = {0};
    stager_catch();
    int rc =
        only_check ? check(&item, &done, &watcher, &f) : transfer_run(&item, &watcher, &done, &f);
    clear(&p);
    if (rc == 0 && prog_terminal() && !asks->json)
        print_words(out, &item, &done, p.location);
    else if (rc == 0)
        print_done(out, &item, &done, p.location);
    str_fini(&p.location);
    return rc < 0 ? fail(err, &f) : CODE_OK;
}

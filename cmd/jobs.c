#include <fcntl.h>
#include <sys/stat.h>
#include "cli/prog.h"
#include "cli/table.h"
#include "host/path.h"
#include "jobs.h"
#include "model/job.h"
#include "text/doc.h"
#include "text/size.h"
#include "text/uri.h"

static int read_documents(const char *path, struct strs *ids, struct err *err)
{
    own(input_close) struct input in = {0};
    if (input_open(&in, path, err) < 0)
        return -1;
    for (;;) {
        own(json_fini) json_t *doc = NULL;
        int rc = input_next(&in, &doc, err);
        if (rc < 0 && in.len == 0)
            return err_set(err, CODE_DATA, "no job came from the step before");
        if (rc <= 0)
            return rc;
        const char *id = json_text(doc, "id");
        if (!id || !json_text(doc, "phase"))
            return err_set(err, CODE_DATA,
                           "%s: expected a job, as execdm-accept writes it; a task goes through "
                           "execdm-plan and execdm-accept first",
                           in.name);
        strs_add(ids, id);
    }
}

int jobs_named(char **operands, struct strs *ids, struct err *err)
{
    if (!*operands)
        return read_documents(NULL, ids, err);
    for (; *operands; operands++) {
        struct stat st;
        bool file = str_same(*operands, "-") ||
                    (!uuid_valid(*operands) && stat(*operands, &st) == 0 && S_ISREG(st.st_mode));
        if (!file)
            strs_add(ids, *operands);
        else if (read_documents(*operands, ids, err) < 0)
            return -1;
    }
    return 0;
}

/* "2026-11-22T18:01:09Z", without the fraction; "-" when there is none. */
static void time_cell(struct table *t, const json_t *doc, const char *key)
{
    const char *text = json_text(doc, key);
    if (text)
        table_cell(t, "%.19sZ", text);
    else
        table_cell(t, "-");
}

static void add_row(struct table *t, const json_t *doc)
{
    const char *name = json_text(doc, "name"), *waiting = json_text(doc, "waiting_for");
    const char *message = json_text(json_object_get(doc, "error"), "message");
    table_cell(t, "%s", json_text(doc, "id"));
    table_cell(t, "%s", name ? name : "-");
    table_cell(t, "%s", json_text(doc, "phase"));
    const char *planner = json_text(doc, "planner"), *platform = json_text(doc, "platform");
    table_cell(t, planner ? "%s at %s" : "%s", platform ? platform : "-", planner);
    time_cell(t, doc, "created");
    time_cell(t, doc, "ended");
    table_cell(t, "%s%s%s", waiting ? "waits for " : "", waiting ? waiting : "",
               !waiting && message ? message : "");
}

static int64_t ms_of(const char *text)
{
    struct when w;
    const char *why;
    return text && when_parse(text, &w, NULL, &why) == 0 ? when_to_ms(w) : 0;
}

static void add_phases(struct buf *out, const json_t *history)
{
    size_t i;
    json_t *row;
    json_array_foreach (history, i, row) {
        const char *next = json_text(json_array_get(history, i + 1), "time");
        const char *time = json_text(row, "time"), *why = json_text(row, "why");
        buf_print(out, "  %-24s %-11s", time, json_text(row, "phase"));
        if (next)
            buf_print(out, " %9.3f s", (double)(ms_of(next) - ms_of(time)) / 1000);
        buf_print(out, "%s%s\n", why ? "  " : "", why ? why : "");
    }
}

static void add_results(struct buf *out, const json_t *results)
{
    size_t i;
    json_t *row;
    json_array_foreach (results, i, row) {
        char size[SIZE_TEXT];
        const char *url = json_text(row, "url");
        own(str_fini) char *path = uri_file_path(url);
        buf_print(out, "  %-24s %11s  %s\n", json_text(row, "name"),
                  size_print(json_int(row, "size", 0), size), path ? path : url);
    }
}

static void add_story(struct buf *out, const json_t *doc)
{
    size_t i;
    json_t *row;
    buf_char(out, '\n');
    add_phases(out, json_object_get(doc, "history"));
    add_results(out, json_object_get(doc, "results"));
    json_array_foreach (json_object_get(doc, "messages"), i, row)
        buf_print(out, "  %s: %s\n", json_text(row, "severity"), json_text(row, "text"));
    own(str_fini) char *words = jobs_last_words(doc, 10);
    if (json_object_get(doc, "error") && *words)
        buf_print(out, "\nits standard error ends:\n%s\n", words);
}

void jobs_table(const json_t *docs, bool story, struct buf *out)
{
    static const char *const heads[] = {"JOB",     "NAME",  "PHASE", "PLATFORM",
                                        "CREATED", "ENDED", "",      NULL};
    own(table_fini) struct table t = {.heads = heads};
    size_t i;
    json_t *doc;
    json_array_foreach (docs, i, doc)
        add_row(&t, doc);
    table_print(&t, prog_width(), out);
    if (story && json_array_size(docs) == 1)
        add_story(out, json_array_get(docs, 0));
}

char *jobs_last_words(const json_t *doc, size_t n)
{
    char text[4096];
    size_t i;
    json_t *row;
    own(fd_fini) int fd = -1;
    json_array_foreach (json_object_get(doc, "results"), i, row) {
        own(str_fini) char *path = uri_file_path(json_text(row, "url"));
        if (path && str_same(json_text(row, "name"), "stderr") && fd < 0)
            fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    off_t from = end > (off_t)sizeof(text) - 1 ? end - (off_t)sizeof(text) + 1 : 0;
    ssize_t got = end < 0 ? -1 : pread(fd, text, sizeof(text) - 1, from);
    if (got <= 0)
        return str_new("");
    while (got > 0 && text[got - 1] == '\n')
        got--;
    text[got] = '\0';
    char *begin = text + got;
    for (size_t lines = 0; begin > text && lines < n;)
        if (*--begin == '\n' && ++lines == n)
            begin++, lines = n;
    for (char *c = begin; *c; c++) /* a terminal is not the program's to draw on */
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
            *c = '?';
    return str_new(begin);
}

/* Jobs as pages. */
#include <fcntl.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/layout.h"
#include "model/load.h"
#include "page.h"
#include "store/list.h"
#include "text/doc.h"
#include "text/size.h"

#define TAIL 8192 /* bytes of what it printed */
#define LOOK_S "10"

static int64_t ms_of(const char *text)
{
    struct when w;
    const char *why;
    return text && when_parse(text, &w, NULL, &why) == 0 ? when_to_ms(w) : 0;
}

static bool is_ended(const json_t *doc)
{
    enum phase phase;
    return phase_parse(json_text(doc, "phase"), &phase) == 0 && phase_terminal(phase);
}

/* --- many --- */

/* "1 h 2 min", "3.2 s" */
static void write_length(struct page *g, int64_t ms)
{
    const int64_t s = ms / 1000;
    if (ms < 0)
        html_text(&g->html, "\xe2\x80\x93");
    else if (s < 60)
        html_print(&g->html, "%.1f s", (double)ms / 1000);
    else if (s < 3600)
        html_print(&g->html, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else
        html_print(&g->html, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
}

static void time_cell(struct page *g, const json_t *doc, const char *key)
{
    html_open(&g->html, "td", NULL);
    page_time(g, json_text(doc, key));
    html_close(&g->html);
}

static void write_row(struct page *g, const json_t *doc)
{
    struct html *h = &g->html;
    const char *id = json_text(doc, "id"), *name = json_text(doc, "name");
    const char *waiting = json_text(doc, "waiting_for");
    const char *message = json_text(json_object_get(doc, "error"), "message");
    html_open(h, "tr", NULL);
    html_open(h, "th", "scope", "row", NULL);
    page_link(g, name && *name ? name : id, "jobs/%s", id);
    html_close(h);
    html_open(h, "td", NULL);
    page_phase(g, json_text(doc, "phase"));
    html_close(h);
    html_leaf(h, "td", json_text(doc, "platform"), NULL);
    if (g->s->administers)
        html_leaf(h, "td", json_text(doc, "owner"), NULL);
    time_cell(g, doc, "created");
    time_cell(g, doc, "started");
    time_cell(g, doc, "ended");
    html_open(h, "td", NULL);
    if (waiting)
        html_print(h, "waits for %s", waiting);
    else
        html_text(h, message);
    html_close(h);
    html_close(h);
}

void page_job_table(struct page *g, const json_t *docs)
{
    static const char *const heads[] = {"Job",     "Phase", "Platform", "Created",
                                        "Started", "Ended", "Notes",    NULL};
    static const char *const all_heads[] = {"Job",     "Phase", "Platform", "Owner", "Created",
                                            "Started", "Ended", "Notes",    NULL};
    size_t i;
    json_t *doc;
    if (json_array_size(docs) == 0) {
        html_leaf(&g->html, "p", "There are none.", NULL);
        return;
    }
    page_table(g, g->s->administers ? all_heads : heads);
    json_array_foreach (docs, i, doc)
        write_row(g, doc);
    page_table_end(g);
}

static void write_filter(struct page *g, const struct request *r)
{
    struct html *h = &g->html;
    size_t at = 0;
    own(str_fini) char *url = service_url(g->s, "jobs");
    const char *chosen = params_next(&r->query, "PHASE", &at);
    html_open(h, "form", "method", "get", "action", url, "class", "filter", NULL);
    html_leaf(h, "label", "Phase", "for", "phase", NULL);
    html_open(h, "select", "id", "phase", "name", "PHASE", NULL);
    html_leaf(h, "option", "any", "value", "", NULL);
    for (int i = 0; i < PHASE_COUNT; i++) {
        const char *name = phase_name((enum phase)i);
        html_leaf(h, "option", name, "selected", str_same(chosen, name) ? "selected" : NULL, NULL);
    }
    html_close(h);
    html_leaf(h, "button", "Show", NULL);
    html_close(h);
}

/* A part of a query, encoded (RFC 3986, 3.4). */
static void add_encoded(struct buf *b, const char *text)
{
    for (const char *c = text; *c; c++)
        if ((*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') ||
            strchr("-._~", *c))
            buf_char(b, *c);
        else
            buf_print(b, "%%%02X", (unsigned)(unsigned char)*c);
}

/* The same list, twice as long, as far as a page goes. */
static void write_more(struct page *g, const struct request *r, size_t shown)
{
    own(buf_fini) struct buf path = {0};
    for (size_t i = 0; i < r->query.n; i++) {
        const struct param *one = &r->query.list[i];
        if (strcasecmp(one->name, "LAST") == 0)
            continue;
        buf_char(&path, '&');
        add_encoded(&path, one->name);
        buf_char(&path, '=');
        add_encoded(&path, one->value);
    }
    html_open(&g->html, "p", NULL);
    page_link(g, "Show more", "jobs?LAST=%zu%s", shown < PAGE_MOST / 2 ? 2 * shown : PAGE_MOST,
              path.len ? path.bytes : "");
    html_close(&g->html);
}

/* With what a list does not say: what a job waits for, or why it failed. */
static int add_document(struct service *s, const char *id, json_t *list, struct err *err)
{
    struct err why = {0};
    json_t *doc = service_document(s, id, &why);
    if (!doc && why.code != CODE_NOINPUT) { /* it was deleted just now */
        *err = why;
        return -1;
    }
    if (doc)
        json_array_append_new(list, doc);
    return 0;
}

int page_jobs(struct service *s, struct request *r, struct reply *p, const json_t *docs,
              struct err *err)
{
    own(page_fini) struct page g = {0};
    own(json_fini) json_t *whole = json_array();
    const char *last = request_param(r, "LAST");
    const size_t most = last && *last ? strtoul(last, NULL, 10) : PAGE_JOBS;
    size_t i;
    json_t *row;
    json_array_foreach (docs, i, row)
        if (add_document(s, json_text(row, "id"), whole, err) < 0)
            return -1;
    page_begin(&g, s, "jobs", "Jobs");
    write_filter(&g, r);
    page_job_table(&g, whole);
    if (json_array_size(docs) >= PAGE_MOST)
        html_leaf(&g.html, "p", "There may be older ones; ask for them by phase.", NULL);
    else if (json_array_size(docs) >= most)
        write_more(&g, r, most);
    page_end(&g, p);
    return 0;
}

static void note_id(void *context, const struct job *j, const char *runid)
{
    (void)runid;
    strs_add(context, j->id);
}

int page_newest(struct service *s, size_t n, json_t **docs, struct err *err)
{
    own(strs_fini) struct strs ids = {0};
    own(json_fini) json_t *found = json_array();
    const struct list_filter filter = {.owner = s->who.name,
                                       .method = json_text(s->who.method, "type"),
                                       .phases = ~(1u << PHASE_ARCHIVED),
                                       .after = INT64_MIN,
                                       .most = (int64_t)n};
    struct store *store = service_store(s, err);
    if (!store || list_jobs(store, &filter, note_id, &ids, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.n; i++)
        if (add_document(s, ids.list[i], found, err) < 0)
            return -1;
    *docs = move(found);
    return 0;
}

/* --- one --- */

static void write_moment(struct page *g, const char *name, const json_t *doc, const char *key)
{
    if (!json_text(doc, key))
        return;
    page_fact(g, name);
    page_time(g, json_text(doc, key));
    html_close(&g->html);
}

static void write_exit(struct page *g, const json_t *doc)
{
    const json_t *exit = json_object_get(doc, "exit"), *usage = json_object_get(doc, "usage");
    const json_t *code = json_object_get(exit, "code"), *killed = json_object_get(exit, "signal");
    const json_t *cpu = json_object_get(usage, "cpu");
    char text[SIZE_TEXT];
    if (json_is_integer(code) || json_is_integer(killed)) {
        page_fact(g, json_is_integer(code) ? "Exit status" : "Ended by signal");
        html_print(&g->html, "%" PRId64, (int64_t)json_integer_value(code ? code : killed));
        html_close(&g->html);
    }
    if (json_is_number(cpu)) {
        page_fact(g, "Used");
        html_print(&g->html, "%.4g s of cores, %s of memory at most", json_number_value(cpu),
                   size_print(json_int(usage, "maxrss", 0), text));
        html_close(&g->html);
    }
}

static void write_facts(struct page *g, const json_t *doc)
{
    struct html *h = &g->html;
    const char *platform = json_text(doc, "platform");
    html_open(h, "dl", NULL);
    page_fact(g, "Phase");
    page_phase(g, json_text(doc, "phase"));
    html_close(h);
    page_says(g, "Waits for", json_text(doc, "waiting_for"));
    page_says(g, "Id", json_text(doc, "id"));
    page_says(g, "Owner", json_text(doc, "owner"));
    if (platform && !json_text(doc, "planner")) {
        page_fact(g, "Platform");
        page_link(g, platform, "platforms/%s", platform);
        html_close(h);
    } else {
        page_says(g, "Platform", platform);
    }
    page_says(g, "At", json_text(doc, "planner"));
    write_moment(g, "Created", doc, "created");
    write_moment(g, "Started", doc, "started");
    write_moment(g, "Ended", doc, "ended");
    page_says(g, "Runs at most", json_text(doc, "executionduration"));
    write_moment(g, "Kept until", doc, "destruction");
    write_exit(g, doc);
    html_close(h);
}

/* What can be done to a job, which is asked twice: by a link to the same page, which then has a
 * button, and is not loaded again by itself. */
struct deed {
    const char *word, *title, *why, *path, *name, *value;
};
static const struct deed deeds[] = {
    {"abort", "Abort this job", "What runs is ended; it cannot be started again.", "/phase",
     "PHASE", "ABORT"},
    {"delete", "Delete this job", "Its results and all that is known of it will be gone.", "",
     "ACTION", "DELETE"}};

static void write_deed(struct page *g, const struct deed *deed, const char *id, bool asked)
{
    struct html *h = &g->html;
    own(str_fini) char *url = service_url(g->s, "jobs/%s%s", id, deed->path);
    own(str_fini) char *ask = service_url(g->s, "jobs/%s?ASK=%s", id, deed->word);
    own(str_fini) char *link = str_print("%s\xe2\x80\xa6", deed->title);
    if (!asked) {
        html_open(h, "p", "class", "danger", NULL);
        html_leaf(h, "a", link, "href", ask, NULL);
        html_close(h);
        return;
    }
    html_open(h, "section", "class", "danger", NULL);
    html_leaf(h, "p", deed->why, NULL);
    page_form(g, url);
    page_hidden(g, deed->name, deed->value);
    html_leaf(h, "button", deed->title, NULL);
    page_link(g, "No, leave it as it is", "jobs/%s", id);
    html_close(h);
    html_close(h);
}

/* One that waits for its owner to say so. */
static void write_start(struct page *g, const json_t *doc)
{
    const char *waiting = json_text(doc, "waiting_for");
    own(str_fini) char *url = service_url(g->s, "jobs/%s/phase", json_text(doc, "id"));
    if (!str_same(waiting, "run") && !str_same(waiting, "release"))
        return;
    page_form(g, url);
    page_hidden(g, "PHASE", "RUN");
    html_leaf(&g->html, "button", "Start this job", "class", "main", NULL);
    html_close(&g->html);
}

static void write_error(struct page *g, const json_t *doc)
{
    const json_t *error = json_object_get(doc, "error");
    if (!error)
        return;
    html_leaf(&g->html, "h2", "Why it failed", NULL);
    html_leaf(&g->html, "p", json_text(error, "message"), "class", "problem", NULL);
}

static void write_history(struct page *g, const json_t *doc)
{
    static const char *const heads[] = {"Phase", "Since", "For", "By", "Why", NULL};
    struct html *h = &g->html;
    const json_t *history = json_object_get(doc, "history");
    const int64_t now = is_ended(doc) ? -1 : clock_ms();
    size_t i;
    json_t *row;
    html_leaf(h, "h2", "Phases", NULL);
    page_table(g, heads);
    json_array_foreach (history, i, row) {
        const char *next = json_text(json_array_get(history, i + 1), "time");
        const int64_t end = next ? ms_of(next) : now;
        html_open(h, "tr", NULL);
        html_open(h, "td", NULL);
        page_phase(g, json_text(row, "phase"));
        html_close(h);
        time_cell(g, row, "time");
        html_open(h, "td", "class", "number", NULL);
        write_length(g, end < 0 ? -1 : end - ms_of(json_text(row, "time")));
        html_close(h);
        html_leaf(h, "td", json_text(row, "by"), NULL);
        html_leaf(h, "td", json_text(row, "why"), NULL);
        html_close(h);
    }
    page_table_end(g);
}

/* Only to what a browser fetches: a program's owner names these places. */
static bool is_web(const char *url)
{
    return url && (str_begins(url, "https://") || str_begins(url, "http://"));
}

static void write_results(struct page *g, const json_t *doc)
{
    static const char *const heads[] = {"Result", "Size", "Checksum", NULL};
    struct html *h = &g->html;
    const json_t *results = json_object_get(doc, "results");
    own(str_fini) char *below = service_url(g->s, "jobs/");
    size_t i;
    json_t *row;
    html_leaf(h, "h2", "Results", NULL);
    if (json_array_size(results) == 0) {
        html_leaf(h, "p", is_ended(doc) ? "There are none." : "There are none yet.", NULL);
        return;
    }
    page_table(g, heads);
    json_array_foreach (results, i, row) {
        char size[SIZE_TEXT];
        const char *name = json_text(row, "name"), *url = json_text(row, "url");
        const json_t *bytes = json_object_get(row, "size");
        html_open(h, "tr", NULL);
        html_open(h, "th", "scope", "row", NULL);
        if (is_web(url) || (url && str_begins(url, below)))
            html_leaf(h, "a", name, "href", url, "rel", "noreferrer", NULL);
        else
            html_print(h, "%s%s%s", name, url ? ": " : "", url ? url : "");
        html_close(h);
        html_leaf(h, "td", bytes ? size_print(json_integer_value(bytes), size) : "", "class",
                  "number", NULL);
        html_open(h, "td", NULL);
        html_leaf(h, "code", json_text(row, "checksum"), NULL);
        html_close(h);
        html_close(h);
    }
    page_table_end(g);
}

/* The end of what it printed so far. */
static void write_tail(struct page *g, const struct job *j, const char *name, const char *title)
{
    struct html *h = &g->html;
    char bytes[TAIL];
    own(str_fini) char *path = layout_attempt(&g->s->store, j, name);
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    const off_t from = end > TAIL ? end - TAIL : 0;
    const ssize_t got = end > 0 ? pread(fd, bytes, sizeof(bytes), from) : 0;
    if (got <= 0)
        return;
    const char *line = from ? memchr(bytes, '\n', (size_t)got) : NULL;
    const size_t skip = line ? (size_t)(line + 1 - bytes) : 0;
    html_leaf(h, "h2", title, NULL);
    if (from)
        html_leaf(h, "p", "The end of it; the whole is among the results.", NULL);
    html_open(h, "pre", "class", "printed", NULL);
    html_text(h, "\n");
    html_bytes(h, bytes + skip, (size_t)got - skip);
    html_close(h);
}

static void write_yaml(struct page *g, const json_t *doc, const char *key, const char *title)
{
    struct html *h = &g->html;
    const json_t *value = json_object_get(doc, key);
    own(buf_fini) struct buf text = {0};
    if (!value || (json_is_array(value) && json_array_size(value) == 0))
        return;
    yaml_write(&text, value);
    html_open(h, "details", NULL);
    html_leaf(h, "summary", title, NULL);
    html_open(h, "pre", NULL);
    html_text(h, "\n");
    html_text(h, text.bytes);
    html_close(h);
    html_close(h);
}

static void write_details(struct page *g, const json_t *doc)
{
    static const struct {
        const char *key, *title;
    } parts[] = {{"executable", "What runs"},
                 {"resources", "Resources"},
                 {"datetime", "When"},
                 {"triggers", "Triggers"},
                 {"callouts", "Callouts"}};
    html_leaf(&g->html, "h2", "As it was accepted", NULL);
    for (size_t i = 0; i < COUNT(parts); i++)
        write_yaml(g, doc, parts[i].key, parts[i].title);
}

int page_job(struct service *s, struct request *r, struct reply *p, const json_t *doc,
             struct err *err)
{
    own(page_fini) struct page g = {0};
    own(job_fini) struct job job = {0};
    const char *id = json_text(doc, "id"), *name = json_text(doc, "name");
    const struct deed *deed = &deeds[is_ended(doc)];
    const bool asked = str_same(request_param(r, "ASK"), deed->word);
    if (service_job(s, id, &job, err) < 0)
        return -1;
    page_begin(&g, s, "jobs", name && *name ? name : id);
    if (page_token(&g, err) < 0)
        return -1;
    write_facts(&g, doc);
    write_error(&g, doc);
    page_messages(&g, json_object_get(doc, "messages"));
    write_start(&g, doc);
    write_deed(&g, deed, id, asked);
    write_history(&g, doc);
    write_results(&g, doc);
    write_tail(&g, &job, "stdout", "Standard output");
    write_tail(&g, &job, "stderr", "Standard error");
    write_details(&g, doc);
    page_end(&g, p);
    if (!is_ended(doc) && !asked)
        reply_header(p, "Refresh", LOOK_S); /* it is looked at again */
    return 0;
}

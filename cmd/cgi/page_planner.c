/* A task typed into a page, and what is offered. */
#include "handlers.h"
#include "model/load.h"
#include "page.h"

#define EXAMPLE                                                                                    \
    "name: hello\n"                                                                                \
    "executable:\n"                                                                                \
    "  type: https://www.purl.org/ivoa.net/executable-types/oci-container\n"                       \
    "  spec:\n"                                                                                    \
    "    image: registry.example.org/hello:1\n"                                                    \
    "    command: [echo, hello]\n"                                                                 \
    "resources:\n"                                                                                 \
    "  compute:\n"                                                                                 \
    "    - name: small\n"                                                                          \
    "      spec: {mincores: 1, minmemory: 1}\n"                                                    \
    "datetime:\n"                                                                                  \
    "  - maxduration: PT10M\n"

static void write_form(struct page *g, const char *text)
{
    struct html *h = &g->html;
    own(str_fini) char *url = service_url(g->s, "planner");
    page_form(g, url);
    html_leaf(h, "label", "The task, in YAML or JSON", "for", "task", NULL);
    html_open(h, "textarea", "id", "task", "name", "task", "rows", "18", "spellcheck", "false",
              "required", "required", NULL);
    html_text(h, "\n"); /* the first one does not count */
    html_text(h, text);
    html_close(h);
    html_leaf(h, "button", "Ask for offers", "class", "main", NULL);
    html_close(h);
    html_open(h, "details", NULL);
    html_leaf(h, "summary", "What a task looks like", NULL);
    html_leaf(h, "pre", EXAMPLE, NULL);
    html_close(h);
}

/* "1 to 2", "0.5" */
static void write_range(struct page *g, const json_t *spec, const char *least, const char *most,
                        const char *unit)
{
    const double min = json_number_value(json_object_get(spec, least));
    const double max = json_number_value(json_object_get(spec, most));
    if (min < max)
        html_print(&g->html, "%g to %g%s", min, max, unit);
    else
        html_print(&g->html, "%g%s", min, unit);
}

static void write_compute(struct page *g, const json_t *list)
{
    struct html *h = &g->html;
    size_t i, k;
    json_t *row, *extra;
    json_array_foreach (list, i, row) {
        const json_t *spec = json_object_get(row, "spec");
        page_fact(g, "Cores");
        write_range(g, spec, "mincores", "maxcores", "");
        html_close(h);
        page_fact(g, "Memory");
        write_range(g, spec, "minmemory", "maxmemory", " GiB");
        html_close(h);
        json_array_foreach (json_object_get(spec, "extras"), k, extra)
            page_says(g, "With", type_short(json_text(extra, "type")));
    }
}

/* "2026-11-23T17:34:25Z/2026-11-23T17:39:25Z" as two times. */
static void write_window(struct page *g, const char *window)
{
    const char *slash = window ? strchr(window, '/') : NULL;
    if (!slash) {
        page_time(g, window);
        return;
    }
    own(str_fini) char *from = str_print("%.*s", (int)(slash - window), window);
    page_time(g, from);
    html_text(&g->html, " to ");
    page_time(g, slash + 1);
}

static void write_offer(struct page *g, const json_t *offer)
{
    struct html *h = &g->html;
    const json_t *when = json_array_get(json_object_get(offer, "datetime"), 0);
    const char *planner = json_text(offer, "planner");
    own(buf_fini) struct buf watched = {0};
    size_t i;
    json_t *limit;
    html_open(h, "section", "class", "offer", NULL);
    html_leaf(h, "h3", json_text(offer, "name"), NULL);
    html_open(h, "dl", NULL);
    page_says(g, "Platform", json_text(offer, "platform"));
    page_says(g, "At", planner);
    page_fact(g, "Starts");
    write_window(g, json_text(when, "start"));
    html_close(h);
    page_says(g, "Runs at most", json_text(when, "maxduration"));
    write_compute(g, json_object_get(json_object_get(offer, "resources"), "compute"));
    json_array_foreach (json_object_get(offer, "advisory"), i, limit)
        buf_print(&watched, "%s%s", i ? ", " : "", json_string_value(limit));
    page_says(g, "Watched, not enforced", watched.bytes);
    page_fact(g, "Good until");
    page_time(g, json_text(offer, "expires"));
    html_close(h);
    html_close(h);
    page_form(g, json_text(offer, "accept"));
    html_leaf(h, "button", "Accept", "class", "main", NULL);
    html_close(h);
    html_close(h);
}

static void write_answer(struct page *g, const json_t *answer)
{
    struct html *h = &g->html;
    const json_t *offers = json_object_get(answer, "offers");
    size_t i;
    json_t *offer;
    html_open(h, "h2", "id", "answer", NULL);
    html_print(h, "The answer is %s", json_text(answer, "result"));
    html_close(h);
    page_messages(g, json_object_get(answer, "messages"));
    html_open(h, "div", "class", "offers", NULL);
    json_array_foreach (offers, i, offer)
        write_offer(g, offer);
    html_close(h);
}

/* The form for a task, and what was answered to it; NULL for none. `text` is the task as it was
 * typed. A problem that is in p is told above the form. */
static int show_form(struct service *s, struct reply *p, const char *text, const json_t *answer,
                     struct err *err)
{
    own(page_fini) struct page g = {0};
    struct html *h = &g.html;
    page_begin(&g, s, "planner", "New task");
    if (page_token(&g, err) < 0)
        return -1;
    if (p->problem) {
        html_leaf(h, "p", json_text(p->problem, "detail"), "class", "problem", NULL);
        page_messages(&g, json_object_get(p->problem, "findings"));
    }
    if (answer)
        write_answer(&g, answer);
    if (answer)
        html_leaf(h, "h2", "The task", NULL);
    write_form(&g, text);
    page_end(&g, p);
    return 0;
}

int serve_planner_page(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    (void)r;
    return show_form(s, p, NULL, NULL, err);
}

static int answer_text(struct service *s, struct request *r, struct reply *p, const char *text,
                       struct err *err)
{
    own(json_fini) json_t *answer = NULL;
    own(task_fini) struct task task = {0};
    const int rc = plan_read(s, r, p, &task, err);
    if (rc < 0 || (rc > 0 && plan_answer(s, &task, &answer, err) < 0))
        return -1;
    return show_form(s, p, text, answer, err);
}

/* The field of the form is read as if it were the body; files that came with it are parts of the
 * one that came, which is kept until they are on the disk. */
int plan_form(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    const char *field = request_param(r, "task");
    own(str_fini) char *text = str_new(field ? field : "");
    char *came = r->body;
    free(r->type);
    r->body = str_new(text);
    r->len = strlen(text);
    r->type = str_new("");
    const int rc = answer_text(s, r, p, text, err);
    free(came);
    return rc;
}

/* Platforms as pages, and the page to begin with. */
#include "model/load.h"
#include "page.h"
#include "platform.h"

#define NEWEST 10

/* "1.5 of 8", and a bar of it, of which there is `all`. */
static void write_use(struct page *g, const json_t *used, const json_t *all, const char *unit)
{
    struct html *h = &g->html;
    const double value = json_number_value(used), most = json_number_value(all);
    char now[HTML_NUMBER], max[HTML_NUMBER];
    html_number(value, now);
    html_number(most, max);
    if (!all) {
        html_print(h, "%s%s", now, unit);
        return;
    }
    html_print(h, "%s of %s%s ", now, max, unit);
    html_leaf(h, "meter", NULL, "value", now, "max", max, "min", "0", "aria-hidden", "true", NULL);
}

static void write_state(struct page *g, const json_t *doc)
{
    const bool up = json_is_true(json_object_get(doc, "available"));
    html_leaf(&g->html, "span", up ? "available" : "not available", "class",
              up ? "phase up" : "phase down", NULL);
}

static void write_row(struct page *g, const json_t *doc)
{
    struct html *h = &g->html;
    const json_t *load = json_object_get(doc, "load"), *compute = json_object_get(doc, "compute");
    const char *name = json_text(doc, "name");
    html_open(h, "tr", NULL);
    html_open(h, "th", "scope", "row", NULL);
    page_link(g, name, "platforms/%s", name);
    html_close(h);
    html_open(h, "td", NULL);
    write_state(g, doc);
    html_close(h);
    html_open(h, "td", NULL);
    write_use(g, json_object_get(load, "cores"), json_object_get(compute, "cores"), "");
    html_close(h);
    html_open(h, "td", NULL);
    write_use(g, json_object_get(load, "memory"), json_object_get(compute, "memory"), " GiB");
    html_close(h);
    html_open(h, "td", "class", "number", NULL);
    html_print(h, "%" PRId64, json_int(load, "running", 0));
    html_close(h);
    html_open(h, "td", "class", "number", NULL);
    html_print(h, "%" PRId64, json_int(load, "waiting", 0));
    html_close(h);
    html_leaf(h, "td", json_text(doc, "description"), NULL);
    html_close(h);
}

static void write_table(struct page *g, const json_t *list)
{
    static const char *const heads[] = {"Platform", "State",   "Cores in use", "Memory in use",
                                        "Running",  "Waiting", "Description",  NULL};
    size_t i;
    json_t *doc;
    if (json_array_size(list) == 0) {
        html_leaf(&g->html, "p", "There is no platform that you may use.", NULL);
        return;
    }
    page_table(g, heads);
    json_array_foreach (list, i, doc)
        write_row(g, doc);
    page_table_end(g);
}

static int write_timelines(struct page *g, const json_t *list, struct err *err)
{
    size_t i;
    json_t *doc;
    json_array_foreach (list, i, doc) {
        const char *name = json_text(doc, "name");
        html_leaf(&g->html, "h3", name, NULL);
        if (timeline_draw(g, name, err) < 0)
            return -1;
    }
    return 0;
}

int page_platforms(struct service *s, struct reply *p, const json_t *list, struct err *err)
{
    own(page_fini) struct page g = {0};
    page_begin(&g, s, "platforms", "Platforms");
    write_table(&g, list);
    html_leaf(&g.html, "h2", "Bookings and runs", NULL);
    if (write_timelines(&g, list, err) < 0)
        return -1;
    page_end(&g, p);
    return 0;
}

/* --- one --- */

static void write_executables(struct page *g, const json_t *list)
{
    struct html *h = &g->html;
    size_t i, k;
    json_t *row, *image;
    if (!list) {
        page_says(g, "Runs", "all that its driver can run");
        return;
    }
    page_fact(g, "Runs");
    html_open(h, "ul", NULL);
    json_array_foreach (list, i, row) {
        const char *type = json_text(row, "type");
        html_open(h, "li", NULL);
        html_leaf(h, "code", type_short(type ? type : ""), "title", type, NULL);
        json_array_foreach (json_object_get(row, "images"), k, image)
            html_print(h, "%s %s", k ? "," : ": images", json_string_value(image));
        html_close(h);
    }
    html_close(h);
    html_close(h);
}

static void write_storage(struct page *g, const json_t *list)
{
    struct html *h = &g->html;
    size_t i;
    json_t *row;
    if (!list)
        return;
    page_fact(g, "Storage");
    json_array_foreach (list, i, row) {
        const char *type = json_text(row, "type");
        html_print(h, "%s%s", i ? ", " : "", type_short(type ? type : ""));
    }
    html_close(h);
}

static void write_numbers(struct page *g, const json_t *doc)
{
    struct html *h = &g->html;
    const json_t *load = json_object_get(doc, "load"), *compute = json_object_get(doc, "compute");
    const json_t *busy = json_object_get(load, "busy");
    page_fact(g, "Cores in use");
    write_use(g, json_object_get(load, "cores"), json_object_get(compute, "cores"), "");
    html_close(h);
    page_fact(g, "Memory in use");
    write_use(g, json_object_get(load, "memory"), json_object_get(compute, "memory"), " GiB");
    html_close(h);
    page_fact(g, "Jobs");
    html_print(h, "%" PRId64 " running, %" PRId64 " waiting", json_int(load, "running", 0),
               json_int(load, "waiting", 0));
    html_close(h);
    if (busy) {
        page_fact(g, "Busy now");
        html_print(h, "%.3g cores, by all that runs there", json_number_value(busy));
        html_close(h);
    }
}

int page_platform(struct service *s, struct reply *p, const json_t *doc, struct err *err)
{
    own(page_fini) struct page g = {0};
    struct html *h = &g.html;
    const json_t *when = json_object_get(doc, "datetime");
    page_begin(&g, s, "platforms", json_text(doc, "name"));
    if (json_text(doc, "description"))
        html_leaf(h, "p", json_text(doc, "description"), NULL);
    html_open(h, "dl", NULL);
    page_fact(&g, "State");
    write_state(&g, doc);
    html_close(h);
    page_says(&g, "Why", json_text(doc, "trouble"));
    write_numbers(&g, doc);
    write_executables(&g, json_object_get(doc, "executables"));
    write_storage(&g, json_object_get(doc, "storage"));
    page_says(&g, "Longest job", json_text(when, "maxduration"));
    page_says(&g, "Where", json_text(json_object_get(doc, "location"), "name"));
    page_says(&g, "Driver", json_text(doc, "driver"));
    html_close(h);
    html_leaf(h, "h2", "Bookings and runs", NULL);
    if (timeline_draw(&g, json_text(doc, "name"), err) < 0)
        return -1;
    page_end(&g, p);
    return 0;
}

/* --- what one sees first --- */

int page_root(struct service *s, struct reply *p, struct err *err)
{
    own(page_fini) struct page g = {0};
    own(json_fini) json_t *list = NULL, *docs = NULL;
    const char *about = json_text(service_row(s), "description");
    if (platform_list(s, NULL, &list, err) < 0 || page_newest(s, NEWEST, &docs, err) < 0)
        return -1;
    page_begin(&g, s, "", "Overview");
    if (about)
        html_leaf(&g.html, "p", about, NULL);
    html_leaf(&g.html, "h2", "Platforms", NULL);
    write_table(&g, list);
    html_leaf(&g.html, "h2", "Your newest jobs", NULL);
    page_job_table(&g, docs);
    html_leaf(&g.html, "h2", "Bookings and runs", NULL);
    if (write_timelines(&g, list, err) < 0)
        return -1;
    page_end(&g, p);
    return 0;
}

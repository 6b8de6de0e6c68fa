#include "page.h"

/* Nothing but what comes from here, and no script at all (CSP 3). */
#define POLICY                                                                                     \
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "  \
    "frame-ancestors 'none'"

static const struct {
    const char *path, *name;
} places[] = {
    {"", "Overview"}, {"jobs", "Jobs"}, {"platforms", "Platforms"}, {"planner", "New task"}};

void page_link(struct page *g, const char *text, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *path = str_vprint(fmt, ap);
    va_end(ap);
    own(str_fini) char *url = service_url(g->s, "%s", path);
    html_leaf(&g->html, "a", text, "href", url, NULL);
}

static void write_navigation(struct page *g, const char *at)
{
    struct html *h = &g->html;
    html_open(h, "nav", "aria-label", "Parts of the service", NULL);
    for (size_t i = 0; i < COUNT(places); i++) {
        own(str_fini) char *url = service_url(g->s, "%s", places[i].path);
        html_leaf(h, "a", places[i].name, "href", url, "aria-current",
                  str_same(at, places[i].path) ? "page" : NULL, NULL);
        html_text(h, " ");
    }
    html_close(h);
}

static void write_identity(struct page *g)
{
    const struct service *s = g->s;
    html_open(&g->html, "p", "class", "who", NULL);
    if (s->known && s->who.name)
        html_print(&g->html, "signed in as %s%s", s->who.name,
                   s->administers ? ", administrator" : "");
    else {
        html_text(&g->html, "not signed in \xc2\xb7 ");
        page_link(g, "sign in", "login");
    }
    html_close(&g->html);
}

static const char *name_of(const struct service *s)
{
    const char *title = json_text(service_row(s), "title");
    return title ? title : "execdm";
}

void page_begin(struct page *g, struct service *s, const char *at, const char *title)
{
    struct html *h = &g->html;
    own(str_fini) char *style = service_url(s, "style.css");
    *g = (struct page){.s = s};
    buf_str(&h->out, "<!DOCTYPE html>\n");
    html_open(h, "html", "lang", "en", NULL);
    html_open(h, "head", NULL);
    html_open(h, "meta", "charset", "utf-8", NULL);
    html_open(h, "meta", "name", "viewport", "content", "width=device-width, initial-scale=1",
              NULL);
    html_open(h, "title", NULL);
    html_print(h, "%s \xc2\xb7 %s", title, name_of(s));
    html_close(h);
    html_open(h, "link", "rel", "stylesheet", "href", style, NULL);
    html_close(h);
    html_open(h, "body", NULL);
    html_open(h, "header", NULL);
    html_open(h, "p", "class", "name", NULL);
    page_link(g, name_of(s), "%s", "");
    html_close(h);
    write_navigation(g, at);
    write_identity(g);
    html_close(h);
    html_open(h, "main", NULL);
    html_leaf(h, "h1", title, NULL);
}

static void add_headers(struct reply *p)
{
    reply_header(p, "Content-Security-Policy", POLICY);
    reply_header(p, "Referrer-Policy", "same-origin");
    reply_header(p, "Cross-Origin-Opener-Policy", "same-origin");
    reply_header(p, "Cross-Origin-Resource-Policy", "same-origin");
    p->page = true;
}

void page_end(struct page *g, struct reply *p)
{
    struct html *h = &g->html;
    html_close(h); /* main */
    html_open(h, "footer", NULL);
    html_leaf(h, "p", "execdm " PACKAGE_VERSION " \xc2\xb7 all times are UTC", NULL);
    while (h->depth)
        html_close(h);
    buf_fini(&p->body);
    p->body = h->out;
    h->out = (struct buf){0};
    p->type = "text/html; charset=utf-8";
    p->fresh = true;
    add_headers(p);
}

void page_fini(struct page *g)
{
    html_fini(&g->html);
}

/* --- forms --- */

int page_token(struct page *g, struct err *err)
{
    return guard_token(g->s, g->token, err);
}

void page_hidden(struct page *g, const char *name, const char *value)
{
    html_open(&g->html, "input", "type", "hidden", "name", name, "value", value, NULL);
}

void page_form(struct page *g, const char *url)
{
    html_open(&g->html, "form", "method", "post", "action", url, NULL);
    page_hidden(g, GUARD_FIELD, g->token);
}

/* --- parts --- */

void page_time(struct page *g, const char *text)
{
    struct when w;
    const char *why;
    if (!text || when_parse(text, &w, NULL, &why) < 0 || strlen(text) < 19) {
        html_text(&g->html, text ? text : "\xe2\x80\x93");
        return;
    }
    own(str_fini) char *seen = str_print("%.10s %.8s", text, text + 11);
    html_leaf(&g->html, "time", seen, "datetime", text, NULL);
}

void page_phase(struct page *g, const char *phase)
{
    own(str_fini) char *class = str_print("phase %s", phase ? phase : "");
    html_leaf(&g->html, "span", phase, "class", class, NULL);
}

void page_fact(struct page *g, const char *name)
{
    html_leaf(&g->html, "dt", name, NULL);
    html_open(&g->html, "dd", NULL);
}

void page_says(struct page *g, const char *name, const char *value)
{
    if (!value)
        return;
    page_fact(g, name);
    html_text(&g->html, value);
    html_close(&g->html);
}

void page_messages(struct page *g, const json_t *messages)
{
    struct html *h = &g->html;
    size_t i;
    json_t *m;
    if (json_array_size(messages) == 0)
        return;
    html_open(h, "ul", "class", "messages", NULL);
    json_array_foreach (messages, i, m) {
        const char *platform = json_text(m, "platform"), *pointer = json_text(m, "pointer");
        const char *hint = json_text(m, "hint"), *severity = json_text(m, "severity");
        html_open(h, "li", "class", severity, NULL);
        if (severity)
            html_leaf(h, "b", severity, NULL);
        html_print(h, "%s%s%s%s%s", severity ? " " : "", platform ? platform : "",
                   platform ? ": " : "", pointer ? pointer : "", pointer && *pointer ? ": " : "");
        html_text(h, json_text(m, "text"));
        html_print(h, "%s%s", hint ? "; " : "", hint ? hint : "");
        html_close(h);
    }
    html_close(h);
}

void page_table(struct page *g, const char *const *names)
{
    struct html *h = &g->html;
    html_open(h, "div", "class", "wide", NULL);
    html_open(h, "table", NULL);
    html_open(h, "thead", NULL);
    html_open(h, "tr", NULL);
    for (; *names; names++)
        html_leaf(h, "th", *names, "scope", "col", NULL);
    html_close(h);
    html_close(h);
    html_open(h, "tbody", NULL);
}

void page_table_end(struct page *g)
{
    html_close(&g->html);
    html_close(&g->html);
    html_close(&g->html);
}

/* --- problems --- */

void page_problem(struct service *s, const struct request *r, struct reply *p)
{
    own(page_fini) struct page g = {0};
    struct err ignored;
    if (!p->problem || !request_browser(r) || p->page)
        return;
    service_meet(s, r, &ignored); /* nobody may have asked yet who it is */
    own(str_fini) char *title = str_print("%d %s", p->status, json_text(p->problem, "title"));
    page_begin(&g, s, "?", title);
    html_leaf(&g.html, "p", json_text(p->problem, "detail"), "class", "problem", NULL);
    page_messages(&g, json_object_get(p->problem, "findings"));
    page_end(&g, p);
}

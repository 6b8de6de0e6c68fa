#include "reply.h"
#include "cli/prog.h"
#include "text/write.h"
#include "text/doc.h"

#define CHUNK 65536
/* What a browser may do with anything that is no page of ours, as a result that a program wrote:
 * show it, as a document of nobody's, without scripts and forms. */
#define CONTAINED                                                                                  \
    "Content-Security-Policy: sandbox; default-src 'none'; img-src 'self'; media-src 'self'; "     \
    "style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"

void reply_init(struct reply *p)
{
    *p = (struct reply){.status = 200, .fd = -1};
}

void reply_fini(struct reply *p)
{
    buf_fini(&p->body);
    buf_fini(&p->headers);
    json_decref(p->problem);
    if (p->fd >= 0)
        close(p->fd);
    reply_init(p);
}

void reply_header(struct reply *p, const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *value = str_vprint(fmt, ap);
    va_end(ap);
    for (char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    buf_print(&p->headers, "%s: %s\r\n", name, value);
}

/* --- bodies --- */

void reply_document(struct reply *p, const struct request *r, const json_t *doc)
{
    if (r->format == FORMAT_YAML) {
        yaml_write(&p->body, doc);
        p->type = "application/yaml";
        return;
    }
    write_json(&p->body, doc, 2);
    buf_char(&p->body, '\n');
    p->type = "application/json";
}

void reply_text(struct reply *p, const char *text)
{
    p->type = "text/plain; charset=utf-8";
    buf_str(&p->body, text ? text : "");
}

void reply_see(struct reply *p, const char *url)
{
    p->status = 303;
    p->fresh = true;
    reply_header(p, "Location", "%s", url);
    reply_text(p, url);
}

/* --- problems --- */

static const struct {
    int status;
    const char *title;
} titles[] = {
    {200, "OK"},
    {204, "No Content"},
    {206, "Partial Content"},
    {303, "See Other"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {422, "Unprocessable Content"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < COUNT(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

static void set_problem(struct reply *p, int status, json_t *problem)
{
    p->body.len = 0;
    p->headers.len = 0;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->page = false;
    json_incref(problem);
    json_decref(p->problem);
    p->problem = problem;
    p->status = status;
    p->fresh = true;
    p->type = "application/problem+json";
    write_json(&p->body, problem, 2);
    buf_char(&p->body, '\n');
}

int reply_findings(struct reply *p, int status, const char *detail, json_t *findings)
{
    own(json_fini) json_t *problem =
        json_pack("{s:s,s:s,s:i,s:s,s:O*}", "type", "about:blank", "title", title_of(status),
                  "status", status, "detail", detail, "findings", findings);
    set_problem(p, status, problem);
    return 0;
}

int reply_refuse(struct reply *p, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    own(str_fini) char *text = str_vprint(fmt, ap);
    va_end(ap);
    own(str_fini) char *detail = prog_utf8(text); /* it may quote anything, cut anywhere */
    return reply_findings(p, status, detail, NULL);
}

int reply_once(struct reply *p, const struct request *r, const char *name)
{
    size_t form = 0, query = 0, n = 0;
    while (params_next(&r->form, name, &form))
        n++;
    while (params_next(&r->query, name, &query))
        n++;
    return n > 1 ? reply_refuse(p, 400, "%s: expected one, found several", name) : 1;
}

static int status_of(enum code code)
{
    for (const struct code_row *row = code_rows; row->name; row++)
        if (row->code == code)
            return row->http ? row->http : 500;
    return 500;
}

/* What went wrong inside is for the log, not for whoever asks. */
void reply_error(struct reply *p, const struct err *err)
{
    const int said = status_of(err->code);
    const int status = err->inner && said < 500 ? 500 : said;
    if (status == 500 || err->inner)
        reply_refuse(p, status, "the service cannot do this now; its log tells why");
    else
        reply_refuse(p, status, "%s", err->text);
    if (err->code == CODE_TEMP)
        reply_header(p, "Retry-After", "5");
}

/* --- sending --- */

/* Of all that is in it: what is the same has the same tag, on every host of a site. FNV-1a of 64
 * bits: what differs differs by chance, and a tag is made for every answer. */
#define TAG_TEXT 20
static void print_tag(const struct reply *p, char tag[TAG_TEXT])
{
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t i = 0; i < p->body.len; i++)
        sum = (sum ^ (unsigned char)p->body.bytes[i]) * 0x100000001b3;
    snprintf(tag, TAG_TEXT, "\"%016" PRIx64 "\"", sum);
}

bool reply_known(const struct request *r, const char *tag)
{
    const char *known = request_header(r, "HTTP_IF_NONE_MATCH");
    return str_same(known, "*") || strstr(known, tag);
}

static void tag_document(struct reply *p, const struct request *r)
{
    char tag[TAG_TEXT];
    if (p->fresh || p->fd >= 0 || p->status != 200 ||
        (r->method != METHOD_GET && r->method != METHOD_HEAD))
        return;
    print_tag(p, tag);
    reply_header(p, "ETag", "%s", tag);
    if (!reply_known(r, tag))
        return;
    p->status = 304;
    p->body.len = 0;
    p->type = NULL;
}

/* A file may be cut off while it is sent. Its length was said, and the web server believes it: what
 * is missing is zeros, as else the next answer on the connection would be taken for the rest. */
static int send_part(struct reply *p, const struct gate *gate)
{
    char *chunk = mem_raw(CHUNK);
    bool whole = true;
    int rc = 0;
    int64_t at = p->from, end = p->from + p->size;
    while (rc == 0 && at < end) {
        const int64_t n = end - at < CHUNK ? end - at : CHUNK;
        ssize_t got = whole ? pread(p->fd, chunk, (size_t)n, at) : 0;
        if (got <= 0) {
            whole = false;
            got = (ssize_t)n;
            memset(chunk, 0, (size_t)n);
        }
        rc = gate->write(gate->context, chunk, (size_t)got);
        at += got;
    }
    free(chunk);
    if (!whole)
        prog_say("warning", NULL,
                 "a file became shorter while it was sent; zeros stand for the rest");
    return rc;
}

int reply_send(struct reply *p, const struct request *r)
{
    own(buf_fini) struct buf head = {0};
    const struct gate *gate = r->gate;
    tag_document(p, r);
    buf_print(&head, "Status: %d %s\r\n", p->status, title_of(p->status));
    if (p->type)
        buf_print(&head, "Content-Type: %s\r\n", p->type);
    if (p->status != 304 && p->status != 204)
        buf_print(&head, "Content-Length: %" PRId64 "\r\n",
                  p->fd >= 0 ? p->size : (int64_t)p->body.len);
    buf_add(&head, p->headers.bytes ? p->headers.bytes : "", p->headers.len);
    buf_print(&head, "X-Content-Type-Options: nosniff\r\nCache-Control: %s\r\n",
              p->fresh ? "no-store" : "private, no-cache");
    if (p->varies || p->problem)
        buf_str(&head, "Vary: Accept\r\n");
    if (!p->page)
        buf_str(&head, CONTAINED);
    buf_str(&head, "\r\n");
    if (r->method != METHOD_HEAD && p->fd < 0 && p->body.len)
        buf_add(&head, p->body.bytes, p->body.len);
    if (gate->write(gate->context, head.bytes, head.len) < 0)
        return -1;
    return r->method != METHOD_HEAD && p->fd >= 0 ? send_part(p, gate) : 0;
}

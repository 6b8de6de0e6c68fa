#include "handlers.h"

#define DOCUMENT (FORMAT_JSON | FORMAT_YAML)
#define PAGE (DOCUMENT | FORMAT_HTML)
#define VOSI (FORMAT_XML | DOCUMENT)

const struct route routes[] = {
    {.path = "/",
     .methods = METHOD_GET,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .serve = serve_root,
     .id = "getService",
     .about = "What this service is and where its parts are",
     .answer = "service.json"},
    {.path = "/availability",
     .methods = METHOD_GET,
     .formats = VOSI,
     .standard = FORMAT_XML,
     .open = true,
     .serve = serve_availability,
     .id = "getAvailability",
     .about = "Whether the service works (VOSI 1.1)",
     .answer = "availability.json"},
    {.path = "/capabilities",
     .methods = METHOD_GET,
     .formats = VOSI,
     .standard = FORMAT_XML,
     .open = true,
     .serve = serve_capabilities,
     .id = "getCapabilities",
     .about = "What the service can do, and where (VOSI 1.1)",
     .answer = "capabilities.json"},
    {.path = "/jobs/{id}",
     .methods = METHOD_GET,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .serve = serve_job,
     .id = "getJob",
     .about = "A job",
     .answer = "job.json"},
    {.path = "/offers/{id}",
     .methods = METHOD_GET,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .serve = serve_offer,
     .id = "getOffer",
     .about = "An offer, while it is good",
     .answer = "offer.json"},
    {.path = "/offers/{id}/accept",
     .methods = METHOD_POST,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .serve = serve_accept,
     .id = "accept",
     .about = "Accept an offer: its slot is booked, its job is made (Planner 4.2)",
     .status = 303},
    {.path = "/openapi.json",
     .methods = METHOD_GET,
     .open = true,
     .serve = serve_openapi_json,
     .id = "getOpenapiJson",
     .about = "This description, as JSON",
     .type = "application/json"},
    {.path = "/openapi.yaml",
     .methods = METHOD_GET,
     .open = true,
     .serve = serve_openapi_yaml,
     .id = "getOpenapiYaml",
     .about = "This description, as YAML",
     .type = "application/yaml"},
    {.path = "/planner",
     .methods = METHOD_POST,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .serve = serve_planner,
     .id = "plan",
     .about = "Ask whether, where and when a task can run (Planner 2)",
     .takes = "task.json",
     .answer = "answer.json"},
    {0},
};
const size_t route_count = COUNT(routes) - 1;

/* Does a path go by a route? Its segments are copied into r. */
static bool is_of(const char *pattern, const char *path, char found[4][256])
{
    size_t n = 0;
    for (; *pattern && *path; pattern++, path++) {
        if (*pattern != '{') {
            if (*pattern != *path)
                return false;
            continue;
        }
        const size_t length = strcspn(path, "/");
        if (length == 0 || length > 255 || n == 4)
            return false;
        snprintf(found[n++], 256, "%.*s", (int)length, path);
        pattern += strcspn(pattern, "}");
        path += length - 1;
    }
    return !*pattern && !*path;
}

static const struct {
    const char *name;
    enum method method;
} names[] = {{"GET", METHOD_GET},        {"HEAD", METHOD_HEAD},   {"POST", METHOD_POST},
             {"PUT", METHOD_PUT},        {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE},
             {"OPTIONS", METHOD_OPTIONS}};

static void allow(struct reply *p, unsigned methods)
{
    own(buf_fini) struct buf all = {0};
    methods |= METHOD_OPTIONS | (methods & METHOD_GET ? METHOD_HEAD : 0);
    for (size_t i = 0; i < COUNT(names); i++)
        if (methods & names[i].method)
            buf_print(&all, "%s%s", all.len ? ", " : "", names[i].name);
    reply_header(p, "Allow", "%s", all.bytes);
}

/* The route of a path and a method; NULL when there is none. `methods` gathers those the path has.
 */
static const struct route *find(const struct request *r, char found[4][256], unsigned *methods)
{
    const enum method wanted = r->method == METHOD_HEAD ? METHOD_GET : r->method;
    char tried[4][256];
    *methods = 0;
    for (const struct route *row = routes; row->path; row++) {
        if (!is_of(row->path, r->path, tried))
            continue;
        *methods |= row->methods;
        if (row->methods & wanted) {
            memcpy(found, tried, sizeof(tried));
            return row;
        }
    }
    return NULL;
}

/* Without a name one has to show one; with one, it is not allowed. */
static void ask_name(struct reply *p, const struct service *s)
{
    reply_refuse(p, 401, "this service wants to know who asks");
    reply_header(p, "WWW-Authenticate", "Basic realm=\"execdm\", charset=\"UTF-8\"");
    (void)s;
}

static void serve(struct service *s, const struct route *row, struct request *r, struct reply *p)
{
    struct err err = {0};
    if (row->formats) {
        r->format =
            accept_choose_format(request_header(r, "HTTP_ACCEPT"), row->formats, row->standard);
        if (!r->format) {
            reply_refuse(p, 406, "this can be had as none of the types that are accepted");
            return;
        }
        reply_header(p, "Vary", "Accept");
    }
    if (row->serve(s, r, p, &err) == 0)
        return;
    if (err.code == CODE_PERM && !s->known)
        ask_name(p, s);
    else
        reply_error(p, &err);
    route_log(&err);
}

void route_serve(struct service *s, struct request *r, struct reply *p)
{
    struct err err = {0};
    char found[4][256] = {0};
    unsigned methods;
    const struct route *row = find(r, found, &methods);
    for (size_t i = 0; i < 4; i++)
        r->segments[i] = found[i];
    if (!methods) {
        reply_refuse(p, 404, "there is nothing at %.200s", r->path);
    } else if (r->method == METHOD_OPTIONS) {
        p->status = 204;
        allow(p, methods);
    } else if (!row) {
        reply_refuse(p, 405, "this method is not for %.200s", r->path);
        allow(p, methods);
    } else if (service_meet(s, r, &err) < 0) {
        reply_error(p, &err);
    } else if (!s->who.name && !row->open) {
        ask_name(p, s);
    } else {
        serve(s, row, r, p);
    }
}

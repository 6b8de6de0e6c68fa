/* The description of the service by OpenAPI 3.0.3: its paths are those of routes[], its schemas
 * ours. */
#include "dialect.h"
#include "handlers.h"

#define PROBLEM "application/problem+json"
#define RESPONSES "#/components/responses/"
#define DESCRIPTION                                                                                \
    "A planner that says whether, where and when a task can run, and a worker that runs it: "      \
    "the Execution Planner, with jobs as in UWS 1.1. HEAD is answered wherever GET is, and "       \
    "OPTIONS by what there is (Allow). What is refused is a problem (RFC 9457)."

/* --- tables --- */

/* Which part of the service a path belongs to; the last is of all others. */
static const struct {
    const char *path, *name, *about;
} tags[] = {
    {"/planner", "planner", "Tasks are planned, offers accepted"},
    {"/offers", "planner", NULL},
    {"/platforms", "planner", NULL},
    {"/jobs", "worker", "Jobs are seen and changed"},
    {"/triggers", "worker", NULL},
    {"", "service", "What the service is"},
};

/* What stands in braces. */
static const struct {
    const char *name, *type, *about;
} braces[] = {
    {"id", "definitions.json#/$defs/uuid", "The identifier of a job, and of the offer it was"},
    {"name", "string", "The name"},
    {"token", "string", "The token that is the right to call, from the offer"},
};

static bool has_body(const struct route *r)
{
    return r->takes || r->form;
}
static bool is_closed(const struct route *r)
{
    return !r->open;
}
static bool has_braces(const struct route *r)
{
    return strchr(r->path, '{');
}
static bool has_formats(const struct route *r)
{
    return r->formats;
}
static bool has_ranges(const struct route *r)
{
    return r->type && !r->open;
}
static bool changes(const struct route *r)
{
    return !(r->methods & METHOD_GET) && has_braces(r);
}
static bool always(const struct route *r)
{
    (void)r;
    return true;
}

/* Problems, and what may have them; header: what they come with. status 0: all others. */
static const struct {
    int status;
    const char *name, *about;
    bool (*of)(const struct route *r);
    const char *header, *header_about;
} problems[] = {
    {400, "Invalid", "What was sent is not as it must be; findings tell why", always, NULL, NULL},
    {401, "Unknown", "The service wants to know who asks", is_closed, "WWW-Authenticate",
     "How that can be shown"},
    {403, "Forbidden", "It may not be asked for, by who asks or now", is_closed, NULL, NULL},
    {404, "Missing", "There is no such thing, or not for who asks", has_braces, NULL, NULL},
    {406, "Unacceptable", "It is not to be had as any type that is accepted", has_formats, NULL,
     NULL},
    {409, "Conflict", "The phase, or what others have booked, does not allow it now", changes, NULL,
     NULL},
    {410, "Gone", "It was there, and has expired", has_braces, NULL, NULL},
    {413, "TooLarge", "The body is too large", has_body, NULL, NULL},
    {415, "Unsupported", "The body is of a type that is not read here", has_body, NULL, NULL},
    {416, "NoRange", "There is nothing in this range", has_ranges, NULL, NULL},
    {422, "Unplanned", "It was understood, and no platform can do it", has_body, NULL, NULL},
    {503, "Unavailable", "Not now; later it may be", always, "Retry-After",
     "In how many seconds to try again"},
    {0, "Problem", "It could not be done", always, NULL, NULL},
};

static const struct {
    enum method method;
    const char *name;
} methods[] = {
    {METHOD_GET, "get"},     {METHOD_POST, "post"},     {METHOD_PUT, "put"},
    {METHOD_PATCH, "patch"}, {METHOD_DELETE, "delete"},
};

/* Headers of requests that more than one route reads, and which ones do. */
static bool is_read(const struct route *r)
{
    return r->methods & METHOD_GET;
}
static const struct {
    bool (*of)(const struct route *r);
    struct field field;
} asked_headers[] = {
    {is_read, {"If-None-Match", "string", "the ETags of what the client has", false}},
    {has_ranges,
     {"Range", "string", "which of the bytes: bytes=0-99, bytes=100-, bytes=-9", false}},
    {has_ranges, {"If-Range", "string", "the ETag, or date, of what the range is of", false}},
    {has_ranges, {"If-Modified-Since", "string", "the date of what the client has", false}},
};

/* --- schemas --- */

/* A new reference, NULL with err: of a field's type (route.h). */
static json_t *schema_of(struct dialect *d, const char *type, struct err *err)
{
    if (strstr(type, ".json"))
        return dialect_ref(d, type, err);
    if (str_same(type, "date-time"))
        return json_pack("{s:s,s:s}", "type", "string", "format", type);
    return json_pack("{s:s}", "type", type);
}

static json_t *text_of(const char *type)
{
    json_t *schema = json_pack("{s:s}", "type", "string");
    if (!str_begins(type, "text/") && !strstr(type, "xml"))
        json_object_set_new(schema, "format", json_string("binary"));
    return schema;
}

/* Adds what a body is as one media type: a document by its schema, else a text. */
static int add_content(struct dialect *d, json_t *content, const char *type, const char *schema,
                       struct err *err)
{
    const bool document = strstr(type, "json") || strstr(type, "yaml");
    own(json_fini) json_t *is = !document ? text_of(type)
                                : schema  ? schema_of(d, schema, err)
                                          : json_pack("{s:s}", "type", "object");
    if (!is)
        return -1;
    json_object_set_new(content, type, json_pack("{s:O}", "schema", is));
    return 0;
}

/* --- parameters --- */

static int add_parameter(struct dialect *d, json_t *list, const char *in, const struct field *f,
                         struct err *err)
{
    own(json_fini) json_t *schema = schema_of(d, f->type, err);
    if (!schema)
        return -1;
    if (f->many)
        schema = json_pack("{s:s,s:o}", "type", "array", "items", move(schema));
    json_t *row = json_pack("{s:s,s:s,s:s}", "name", f->name, "in", in, "description", f->about);
    if (str_same(in, "path"))
        json_object_set_new(row, "required", json_true());
    json_object_set(row, "schema", schema);
    json_array_append_new(list, row);
    return 0;
}

/* What stands in braces at p, which moves behind it. */
static int add_brace(struct dialect *d, json_t *list, const char **p, struct err *err)
{
    const size_t n = strcspn(*p + 1, "}");
    own(str_fini) char *name = str_print("%.*s", (int)n, *p + 1);
    struct field f = {name, "string", "Its name", false};
    *p += n + 1;
    for (size_t i = 0; i < COUNT(braces); i++)
        if (str_same(braces[i].name, name))
            f = (struct field){name, braces[i].type, braces[i].about, false};
    return add_parameter(d, list, "path", &f, err);
}

static json_t *parameters_of(struct dialect *d, const struct route *r, struct err *err)
{
    own(json_fini) json_t *list = json_array();
    for (const char *p = r->path; *p; p++)
        if (*p == '{' && add_brace(d, list, &p, err) < 0)
            return NULL;
    for (const struct field *f = r->query; f && f->name; f++)
        if (add_parameter(d, list, "query", f, err) < 0)
            return NULL;
    for (const struct field *f = r->headers; f && f->name; f++)
        if (add_parameter(d, list, "header", f, err) < 0)
            return NULL;
    for (size_t i = 0; i < COUNT(asked_headers); i++)
        if (asked_headers[i].of(r) &&
            add_parameter(d, list, "header", &asked_headers[i].field, err) < 0)
            return NULL;
    return move(list);
}

/* --- bodies --- */

/* Files come with a task as parts of a form; what they are called they are called there. */
static const struct field upload[] = {
    {"task", "string", "The task, as YAML or JSON; every other part is a file", false}, {0}};

static int add_form(struct dialect *d, json_t *content, const char *type, const struct field *f,
                    struct err *err)
{
    own(json_fini) json_t *properties = json_object();
    for (; f->name; f++) {
        json_t *one = schema_of(d, f->type, err);
        if (!one)
            return -1;
        if (f->many)
            one = json_pack("{s:s,s:o}", "type", "array", "items", one);
        if (json_object_get(one, "$ref"))
            one = json_pack("{s:[o]}", "allOf", one);
        json_object_set_new(one, "description", json_string(f->about));
        json_object_set_new(properties, f->name, one);
    }
    json_object_set_new(
        content, type,
        json_pack("{s:{s:s,s:O}}", "schema", "type", "object", "properties", properties));
    return 0;
}

/* What it takes; JSON null where it takes nothing. */
static json_t *body_of(struct dialect *d, const struct route *r, struct err *err)
{
    own(json_fini) json_t *content = json_object();
    if (!has_body(r))
        return json_null();
    if (r->takes && (add_content(d, content, "application/json", r->takes, err) < 0 ||
                     add_content(d, content, "application/yaml", r->takes, err) < 0))
        return NULL;
    if (r->takes && (r->methods & METHOD_PATCH) &&
        add_content(d, content, "application/merge-patch+json", r->takes, err) < 0)
        return NULL;
    if (r->form && add_form(d, content, FORM_TYPE, r->form, err) < 0)
        return NULL;
    if (str_same(r->takes, "task.json") && add_form(d, content, MULTIPART, upload, err) < 0)
        return NULL;
    return json_pack("{s:b,s:O}", "required", !r->form, "content", content);
}

static json_t *header_of(const char *about)
{
    return json_pack("{s:s,s:{s:s}}", "description", about, "schema", "type", "string");
}

/* The others answer with a URL. */
static bool answers_itself(const struct route *r)
{
    return r->formats || r->type;
}

/* Adds the answer that is as it should be. */
static int add_answer(struct dialect *d, json_t *to, const struct route *r, struct err *err)
{
    static const enum format formats[] = {FORMAT_JSON, FORMAT_YAML, FORMAT_XML, FORMAT_HTML,
                                          FORMAT_TEXT};
    const int status = answers_itself(r) ? 200 : 303;
    own(json_fini) json_t *content = json_object();
    own(json_fini) json_t *headers = json_object();
    if (status == 303 && add_content(d, content, "text/plain", NULL, err) < 0)
        return -1;
    if (status == 303)
        json_object_set_new(headers, "Location", header_of("The URL"));
    for (size_t i = 0; i < COUNT(formats); i++)
        if ((r->formats & formats[i]) &&
            add_content(d, content, format_type(formats[i]), r->answer, err) < 0)
            return -1;
    if (r->type && add_content(d, content, r->type, r->answer, err) < 0)
        return -1;
    if (r->methods & METHOD_GET)
        json_object_set_new(headers, "ETag", header_of("What If-None-Match can name"));
    json_t *answer = json_pack("{s:s}", "description",
                               status == 303 ? "The answer is at another URL" : "The answer");
    if (json_object_size(headers))
        json_object_set(answer, "headers", headers);
    if (json_object_size(content))
        json_object_set(answer, "content", content);
    if (has_ranges(r))
        json_object_set_new(to, "206", json_deep_copy(answer));
    json_object_set_new(to, status == 303 ? "303" : "200", answer);
    return 0;
}

static json_t *responses_of(struct dialect *d, const struct route *r, struct err *err)
{
    own(json_fini) json_t *all = json_object();
    if (add_answer(d, all, r, err) < 0)
        return NULL;
    if (r->methods & METHOD_GET)
        json_object_set_new(all, "304", json_pack("{s:s}", "description", "It is as it was"));
    for (size_t i = 0; i < COUNT(problems); i++) {
        own(str_fini) char *status =
            problems[i].status ? str_print("%d", problems[i].status) : str_new("default");
        own(str_fini) char *ref = str_print(RESPONSES "%s", problems[i].name);
        if (problems[i].of(r) && !json_object_get(all, status))
            json_object_set_new(all, status, json_pack("{s:s}", "$ref", ref));
    }
    return move(all);
}

/* The problems, once for all. */
static json_t *problem_responses(struct dialect *d, struct err *err)
{
    own(json_fini) json_t *all = json_object();
    own(json_fini) json_t *content = json_object();
    /* a browser sees a page of it; and where the web server refuses, it writes one of its own */
    if (add_content(d, content, PROBLEM, "problem.json", err) < 0 ||
        add_content(d, content, "text/html", NULL, err) < 0)
        return NULL;
    for (size_t i = 0; i < COUNT(problems); i++) {
        json_t *one = json_pack("{s:s,s:O}", "description", problems[i].about, "content", content);
        if (problems[i].header)
            json_object_set_new(
                one, "headers",
                json_pack("{s:o}", problems[i].header, header_of(problems[i].header_about)));
        json_object_set_new(all, problems[i].name, one);
    }
    return move(all);
}

/* --- operations --- */

static const char *tag_of(const char *path)
{
    size_t i = 0;
    while (!str_begins(path, tags[i].path))
        i++;
    return tags[i].name;
}

static json_t *tag_list(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT(tags); i++)
        if (tags[i].about)
            json_array_append_new(
                list, json_pack("{s:s,s:s}", "name", tags[i].name, "description", tags[i].about));
    return list;
}

/* One operation: a row of the table by one of its methods. */
static json_t *operation_of(struct dialect *d, const struct route *r, const char *id,
                            struct err *err)
{
    own(json_fini) json_t *parameters = parameters_of(d, r, err);
    own(json_fini) json_t *body = parameters ? body_of(d, r, err) : NULL;
    own(json_fini) json_t *responses = body ? responses_of(d, r, err) : NULL;
    if (!responses)
        return NULL;
    json_t *op = json_pack("{s:s,s:s,s:[s]}", "operationId", id, "summary", r->about, "tags",
                           tag_of(r->path));
    if (json_array_size(parameters))
        json_object_set(op, "parameters", parameters);
    if (!json_is_null(body))
        json_object_set(op, "requestBody", body);
    json_object_set(op, "responses", responses);
    if (r->open)
        json_object_set_new(op, "security", json_array());
    return op;
}

/* The same as GET, without bodies. */
static json_t *head_of(const json_t *get, const char *id)
{
    json_t *op = json_deep_copy(get), *one;
    const char *status;
    json_object_set_new(op, "operationId", json_string(id));
    json_object_foreach (json_object_get(op, "responses"), status, one)
        if (json_object_get(one, "$ref"))
            json_object_set_new(json_object_get(op, "responses"), status,
                                json_pack("{s:s}", "description", "As GET would be refused"));
        else
            json_object_del(one, "content");
    return op;
}

/* "headJob" of "getJob". */
static char *head_id(const char *id)
{
    return str_print("head%s", str_begins(id, "get") ? id + strlen("get") : id);
}

static int add_route(struct dialect *d, json_t *paths, const struct route *r, struct err *err)
{
    json_t *path = json_object_get(paths, r->path);
    if (!path) {
        path = json_object();
        json_object_set_new(paths, r->path, path);
    }
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (!(r->methods & methods[i].method))
            continue;
        json_t *op = operation_of(d, r, r->id, err);
        if (!op)
            return -1;
        json_object_set_new(path, methods[i].name, op);
        own(str_fini) char *head = head_id(r->id);
        if (methods[i].method == METHOD_GET)
            json_object_set_new(path, "head", head_of(op, head));
    }
    return 0;
}

/* --- the document --- */

static json_t *info_of(const struct service *s)
{
    const json_t *row = service_row(s);
    const char *title = json_text(row, "title"), *about = json_text(row, "description");
    const char *contact = json_text(row, "contact");
    json_t *info = json_pack("{s:s,s:s,s:s,s:{s:s,s:s}}", "title", title ? title : "execdm",
                             "version", PACKAGE_VERSION, "description", about ? about : DESCRIPTION,
                             "license", "name", "ISC", "url", "https://spdx.org/licenses/ISC.html");
    if (contact)
        json_object_set_new(info, "contact", json_pack("{s:s}", "email", contact));
    return info;
}

/* By name, and without one where that is allowed. */
static json_t *security_of(const struct service *s)
{
    json_t *list = json_pack("[{s:[]}]", "basic");
    if (json_is_true(json_object_get(service_row(s), "anonymous")))
        json_array_append_new(list, json_object());
    return list;
}

json_t *openapi_document(struct service *s, struct err *err)
{
    own(dialect_fini) struct dialect d = {0};
    own(json_fini) json_t *paths = json_object();
    struct model *model = service_model(s, err);
    if (!model)
        return NULL;
    dialect_init(&d, model->dir);
    for (const struct route *r = routes; r->path; r++)
        if (add_route(&d, paths, r, err) < 0)
            return NULL;
    own(json_fini) json_t *refused = problem_responses(&d, err);
    if (!refused)
        return NULL;
    return json_pack("{s:s,s:o,s:[{s:s}],s:o,s:o,s:O,s:{s:O,s:O,s:{s:{s:s,s:s}}}}", "openapi",
                     "3.0.3", "info", info_of(s), "servers", "url", *s->base ? s->base : "/",
                     "security", security_of(s), "tags", tag_list(), "paths", paths, "components",
                     "schemas", d.schemas, "responses", refused, "securitySchemes", "basic", "type",
                     "http", "scheme", "basic");
}

static int serve_openapi(struct service *s, struct request *r, struct reply *p, enum format format,
                         struct err *err)
{
    own(json_fini) json_t *doc = openapi_document(s, err);
    if (!doc)
        return -1;
    r->format = format;
    reply_document(p, r, doc);
    return 0;
}

int serve_openapi_json(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    return serve_openapi(s, r, p, FORMAT_JSON, err);
}

int serve_openapi_yaml(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    return serve_openapi(s, r, p, FORMAT_YAML, err);
}

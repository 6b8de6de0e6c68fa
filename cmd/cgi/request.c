#include "request.h"
#include "text/json.h"
#include "text/uri.h"

#define PARAMS_MAX 1000
#define CHUNK 65536

const char *request_header(const struct request *r, const char *variable)
{
    const char *value = r->gate->get(r->gate->context, variable);
    return value ? value : "";
}

static bool is_utf8(const char *text)
{
    own(json_fini) json_t *string = json_string(text);
    return string != NULL;
}

/* --- parameters --- */

static char *decode_form(const char *text, size_t n)
{
    own(str_fini) char *copy = str_print("%.*s", (int)n, text);
    for (char *c = copy; *c; c++)
        if (*c == '+')
            *c = ' ';
    return uri_decode(copy);
}

/* Adds the pairs of "a=b&c=d". -1 when a part of it is not encoded as it should be, or no UTF-8, or
 * there are more than a thousand. */
static int read_pairs(struct params *p, const char *text)
{
    while (*text) {
        const size_t n = strcspn(text, "&"), name = strcspn(text, "=&");
        if (n > 0) {
            own(str_fini) char *key = decode_form(text, name);
            own(str_fini) char *value =
                name < n ? decode_form(text + name + 1, n - name - 1) : str_new("");
            if (!key || !value || p->n == PARAMS_MAX || !is_utf8(key) || !is_utf8(value))
                return -1;
            p->list = mem_grow(p->list, p->n + 1, sizeof(*p->list));
            p->list[p->n++] = (struct param){move(key), move(value)};
        }
        text += n + (text[n] == '&');
    }
    return 0;
}

static void params_fini(struct params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].value);
    }
    free(p->list);
    *p = (struct params){0};
}

const char *params_next(const struct params *p, const char *name, size_t *at)
{
    while (*at < p->n) {
        const struct param *row = &p->list[(*at)++];
        if (strcasecmp(row->name, name) == 0)
            return row->value;
    }
    return NULL;
}

const char *request_param(const struct request *r, const char *name)
{
    size_t form = 0, query = 0;
    const char *value = params_next(&r->form, name, &form);
    return value ? value : params_next(&r->query, name, &query);
}

/* --- the body --- */

/* Reads on to the end, and keeps what there is room for: who is not read to the end gets no answer
 * under mod_cgid. How much there was. */
static size_t read_all(const struct request *r, size_t most, struct buf *body)
{
    char *chunk = mem_raw(CHUNK);
    size_t seen = 0;
    ssize_t got;
    while (seen <= BODY_DRAIN && (got = r->gate->read(r->gate->context, chunk, CHUNK)) > 0) {
        seen += (size_t)got;
        if (seen <= most)
            buf_add(body, chunk, (size_t)got);
    }
    free(chunk);
    return seen;
}

static int read_body(struct request *r, size_t most, int *status, struct err *err)
{
    own(buf_fini) struct buf body = {0};
    buf_str(&body, "");
    if (read_all(r, most, &body) > most) {
        *status = 413;
        return err_set(err, CODE_DATA, "the body is larger than %zu bytes", most);
    }
    free(r->body);
    r->len = body.len;
    r->body = buf_take(&body);
    return 0;
}

/* What was announced and did not come. */
static int check_length(const struct request *r, int *status, struct err *err)
{
    const char *text = request_header(r, "CONTENT_LENGTH");
    char *end;
    *status = 400;
    if (!*text)
        return 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (*end || *text == '-')
        return err_set(err, CODE_DATA, "Content-Length is no number of bytes");
    return n == r->len
               ? 0
               : err_set(err, CODE_DATA, "the body ended after %zu bytes, and %llu were announced",
                         r->len, n);
}

/* "application/json" of "Application/JSON; charset=utf-8". */
static int read_type(struct request *r, int *status, struct err *err)
{
    const char *type = request_header(r, "CONTENT_TYPE");
    const char *charset = strcasestr(type, "charset=");
    const char *encoding = request_header(r, "HTTP_CONTENT_ENCODING");
    r->type = str_print("%.*s", (int)strcspn(type, "; \t"), type);
    for (char *c = r->type; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
    *status = 415;
    if (*encoding && strcasecmp(encoding, "identity") != 0)
        return err_set(err, CODE_DATA, "bodies are read as they are, not in the encoding %.40s",
                       encoding);
    if (!charset)
        return 0;
    charset += strlen("charset=") + (charset[strlen("charset=")] == '"');
    return strncasecmp(charset, "utf-8", 5) == 0 || strncasecmp(charset, "us-ascii", 8) == 0
               ? 0
               : err_set(err, CODE_DATA, "expected UTF-8, found the charset %.20s", charset);
}

/* --- the line of the request --- */

static const struct {
    const char *name;
    enum method method;
} methods[] = {
    {"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},   {"POST", METHOD_POST},
    {"PUT", METHOD_PUT},         {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE},
    {"OPTIONS", METHOD_OPTIONS},
};

static enum method method_of(const char *name)
{
    for (size_t i = 0; i < COUNT(methods); i++)
        if (str_same(methods[i].name, name))
            return methods[i].method;
    return METHOD_OTHER;
}

/* Paths are what they say: nothing is folded, what looks like a trick is nothing we have. */
static int read_path(struct request *r, int *status, struct err *err)
{
    const char *path = request_header(r, "PATH_INFO");
    const size_t n = strlen(path);
    r->path = *path ? str_new(path) : str_new("/");
    *status = 404;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\' || (*c == '/' && c[1] == '/'))
            return err_set(err, CODE_NOINPUT, "there is no such path");
    if (!is_utf8(path))
        return err_set(err, CODE_NOINPUT, "there is no such path");
    if (strstr(path, "/../") || strstr(path, "/./") || (n > 2 && str_same(path + n - 3, "/..")) ||
        (n > 1 && str_same(path + n - 2, "/.")))
        return err_set(err, CODE_NOINPUT, "there is no such path");
    if (n > 1 && r->path[n - 1] == '/')
        r->path[n - 1] = '\0';
    return 0;
}

/* Is a field, or a part, of this name the task? */
static bool is_document(const char *name)
{
    return strcasecmp(name, "task") == 0 || strcasecmp(name, "JDL") == 0;
}

/* What is no file is a field like any other. */
static int read_parts(struct request *r, struct err *err)
{
    if (multipart_read(&r->parts, request_header(r, "CONTENT_TYPE"), r->body, r->len, err) < 0)
        return -1;
    for (size_t i = 0; i < r->parts.n; i++) {
        const struct part *part = &r->parts.list[i];
        if (part->filename || memchr(part->bytes, '\0', part->len))
            continue;
        own(str_fini) char *value = str_print("%.*s", (int)part->len, part->bytes);
        if (!is_utf8(value))
            return err_set(err, CODE_DATA, "the field %s is not in UTF-8", part->name);
        r->form.list = mem_grow(r->form.list, r->form.n + 1, sizeof(*r->form.list));
        r->form.list[r->form.n++] = (struct param){str_new(part->name), move(value)};
    }
    return 0;
}

/* A task may be long. */
static int check_sizes(const struct request *r, int *status, struct err *err)
{
    *status = 413;
    for (size_t i = 0; i < r->form.n; i++) {
        const struct param *field = &r->form.list[i];
        if (strlen(field->value) > FIELD_MAX && !is_document(field->name))
            return err_set(err, CODE_DATA, "the field %.80s is larger than %d bytes", field->name,
                           FIELD_MAX);
    }
    for (size_t i = 0; i < r->parts.n; i++) {
        const struct part *part = &r->parts.list[i];
        const size_t most = is_document(part->name) ? BODY_MAX : FIELD_MAX;
        if (part->len > most && (!part->filename || is_document(part->name)))
            return err_set(err, CODE_DATA, "the part %.80s is larger than %zu bytes", part->name,
                           most);
    }
    return 0;
}

static int read_params(struct request *r, int *status, struct err *err)
{
    *status = 400;
    if (str_same(r->type, MULTIPART) && read_parts(r, err) < 0)
        return -1;
    if (str_same(r->type, FORM_TYPE) &&
        (strlen(r->body) != r->len || read_pairs(&r->form, r->body) < 0))
        return err_set(err, CODE_DATA, "the form is not encoded as it should be");
    return check_sizes(r, status, err);
}

int request_head(struct request *r, const struct gate *gate, int *status, struct err *err)
{
    *r = (struct request){.gate = gate, .format = FORMAT_JSON, .body = str_new("")};
    r->method = method_of(request_header(r, "REQUEST_METHOD"));
    if (read_path(r, status, err) < 0 || read_type(r, status, err) < 0)
        return -1;
    *status = 400;
    if (read_pairs(&r->query, request_header(r, "QUERY_STRING")) < 0)
        return err_set(err, CODE_DATA, "the query of the URL is not encoded as it should be");
    return 0;
}

int request_body(struct request *r, size_t most, int *status, struct err *err)
{
    return read_body(r, most, status, err) < 0 || check_length(r, status, err) < 0 ||
                   read_params(r, status, err) < 0
               ? -1
               : 0;
}

void request_drain(const struct request *r)
{
    own(buf_fini) struct buf nothing = {0};
    read_all(r, 0, &nothing);
}

void request_fini(struct request *r)
{
    free(r->path);
    free(r->type);
    free(r->body);
    params_fini(&r->query);
    params_fini(&r->form);
    parts_fini(&r->parts);
    *r = (struct request){0};
}

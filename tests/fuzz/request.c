/* Requests as the web server hands them over: lines NAME=value of meta-variables, an empty line,
 * and the body; what cmd/cgi/request.h and multipart.h promise of them. */
#include "../../cmd/cgi/request.h"
#include "fuzz.h"

#define VARIABLES 20

struct fuzzed {
    char *names[VARIABLES], *values[VARIABLES];
    size_t n;
    const uint8_t *body;
    size_t left;
};

static const char *get(void *context, const char *name)
{
    const struct fuzzed *z = context;
    for (size_t i = 0; i < z->n; i++)
        if (str_same(z->names[i], name))
            return z->values[i];
    return NULL;
}

static ssize_t take(void *context, void *bytes, size_t n)
{
    struct fuzzed *z = context;
    n = n < z->left ? n : z->left;
    n = n < 1000 ? n : 1000; /* in pieces, as they come */
    if (n)
        memcpy(bytes, z->body, n);
    z->body += n;
    z->left -= n;
    return (ssize_t)n;
}

static int put(void *context, const void *bytes, size_t n)
{
    (void)context, (void)bytes, (void)n;
    return 0;
}

static void read_variables(struct fuzzed *z, const uint8_t *data, size_t size)
{
    z->body = data;
    z->left = size;
    while (z->left > 0) {
        const uint8_t *stop = memchr(z->body, '\n', z->left);
        const size_t n = stop ? (size_t)(stop - z->body) : z->left;
        own(str_fini) char *line = str_print("%.*s", (int)n, (const char *)z->body);
        char *equal = strchr(line, '=');
        z->body += stop ? n + 1 : n;
        z->left -= stop ? n + 1 : n;
        if (n == 0)
            return;
        if (!equal || z->n == VARIABLES)
            continue;
        *equal = '\0';
        z->names[z->n] = str_new(line);
        z->values[z->n++] = str_new(equal + 1);
    }
}

static void check_params(const struct params *p)
{
    must(p->n <= 2000, "%zu parameters", p->n);
    for (size_t i = 0; i < p->n; i++) {
        size_t at = 0;
        must(p->list[i].name && p->list[i].value, "half a parameter");
        must(params_next(p, p->list[i].name, &at), "%s is not found", p->list[i].name);
    }
}

static void check_parts(const struct request *r)
{
    for (size_t i = 0; i < r->parts.n; i++) {
        const struct part *part = &r->parts.list[i];
        must(part->name && *part->name && part->type, "a part without a name");
        must(part->bytes >= r->body && part->bytes + part->len <= r->body + r->len,
             "the part %s is not in the body", part->name);
    }
}

static void check_request(const struct request *r)
{
    must(!strstr(r->path, "//") && !strstr(r->path, "/../") && !strchr(r->path, '\\'),
         "the path is %s", r->path);
    must(r->len <= BODY_MAX && r->body[r->len] == '\0', "a body of %zu", r->len);
    check_params(&r->query);
    check_params(&r->form);
    check_parts(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzzed z = {0};
    struct err err = {0};
    struct request r;
    int status = 0;
    const struct gate gate = {get, take, put, &z};
    read_variables(&z, data, size);
    const unsigned all = FORMAT_JSON | FORMAT_YAML | FORMAT_XML | FORMAT_HTML | FORMAT_TEXT;
    const char *accept = get(&z, "HTTP_ACCEPT");
    const enum format f = accept_choose_format(accept ? accept : "", all, FORMAT_JSON);
    must((f & all) == f && (f & (f - 1)) == 0, "the format is %u", f);
    const bool head = request_head(&r, &gate, &status, &err) == 0;
    if (!head)
        request_drain(&r);
    if (head && request_body(&r, BODY_MAX, &status, &err) == 0)
        check_request(&r);
    else
        must(status >= 400 && status < 600 && *err.text, "the status is %d", status);
    must(z.left == 0, "%zu bytes were not read", z.left);
    request_fini(&r);
    for (size_t i = 0; i < z.n; i++) {
        free(z.names[i]);
        free(z.values[i]);
    }
    return 0;
}

/* execdm-cgi: the service, started by a web server as a CGI or a FastCGI program. */
#include "cli/prog.h"
#include "gate.h"
#include "handlers.h"
#include "upload.h"
#include "page.h"
#include "text/write.h"

/* What the client did wrong is told to the client; the log is for what is wrong here. */
void route_log(const struct err *err)
{
    if (err->inner || (err->code != CODE_NOINPUT && err->code != CODE_PERM &&
                       err->code != CODE_CONFLICT && err->code != CODE_DATA))
        prog_say("error", err->where[0] ? err->where : NULL, "%s", err->text);
}

/* How large its body may be. */
static size_t body_most(const struct service *s, const struct route *row, const struct gate *gate)
{
    return BODY_MAX + (row->files ? (size_t)upload_room(s, gate) : 0);
}

/* One request, answered whatever is wrong. The configuration is read anew when it has changed. */
static void serve(void *context, const struct gate *gate)
{
    struct service *s = context;
    own(request_fini) struct request r = {0};
    own(reply_fini) struct reply p = {.fd = -1};
    struct err err = {0};
    int status = 500;
    reply_init(&p);
    const bool open = service_open(s, &err) == 0;
    struct err wrong = err;
    wrong.inner = !open; /* whatever it is: nobody has asked anything yet */
    const struct route *row = NULL;
    if (request_head(&r, gate, &status, &err) < 0)
        reply_refuse(&p, status, "%s", err.text);
    else if (open)
        row = route_find(s, &r, &p);
    if (!row)
        request_drain(&r);
    else if (request_body(&r, body_most(s, row, gate), &status, &err) < 0)
        reply_refuse(&p, status, "%s", err.text);
    else
        route_serve(s, row, &r, &p);
    if (!open) {
        route_log(&wrong);
        reply_error(&p, &wrong);
    }
    page_problem(s, &r, &p);
    reply_send(&p, &r);
}

static bool openapi, record;

static const struct opt options[] = {
    {.name = "openapi", .flag = &openapi, .help = "print the service's description by OpenAPI"},
    {.name = "record", .flag = &record, .help = "print its record for a registry, a VOResource"},
    {0},
};

/* What an administrator asks on the command line. */
static int print(struct service *s, struct buf *out, struct err *err)
{
    if (service_open(s, err) < 0)
        return -1;
    service_meet_nobody(s);
    if (record)
        return record_print(s, out, err) < 0 ? -1 : CODE_OK;
    own(json_fini) json_t *doc = openapi_document(s, err);
    if (!doc)
        return -1;
    write_json(out, doc, 2);
    buf_char(out, '\n');
    return CODE_OK;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(service_close) struct service s = {.store.lock = -1};
    if (*operands)
        return err_set(err, CODE_USAGE, "expected no operand, found \"%s\"", *operands);
    if (openapi && record)
        return err_set(err, CODE_USAGE, "--openapi and --record cannot both be printed");
    if (openapi || record)
        return print(&s, out, err);
    if (!gate_started())
        return err_set(err, CODE_USAGE,
                       "no web server has started this: it is a CGI or FastCGI program; see "
                       "execdm-cgi(8) for how it is set up");
    return gate_serve(serve, &s, err) < 0 ? -1 : CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-cgi",
    .synopsis = "",
    .about = "Serve planner and worker over HTTP, behind a web server.",
    .options = options,
    .run = run,
};

/* A web server makes arguments of a query like ?--help (RFC 3875, 4.4): no client gives us options.
 */
int main(int argc, char **argv)
{
    return prog_main(gate_started() ? 1 : argc, gate_started() ? (char *[]){argv[0], NULL} : argv,
                     &prog);
}

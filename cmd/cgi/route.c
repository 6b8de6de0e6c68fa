#include "guard.h"
#include "handlers.h"

#define DOCUMENT (FORMAT_JSON | FORMAT_YAML)
#define PAGE (DOCUMENT | FORMAT_HTML)
#define UWS (DOCUMENT | FORMAT_XML)
#define UWS_PAGE (UWS | FORMAT_HTML)
#define TEXT (DOCUMENT | FORMAT_TEXT)
#define VOSI (DOCUMENT | FORMAT_XML)

#define PHASES "RUN, ABORT, HOLD, RELEASE, SUSPEND, RESUME or ARCHIVE"
#define LIMIT "its limit of time in seconds"
#define DESTRUCTION "when its results are destroyed"
#define JDL "the task, as YAML or JSON; TASK is another word for it"
#define RUNID "a word of the client's own"
static const struct field list_fields[] = {
    {"PHASE", "string", "only those in one of these phases", true},
    {"AFTER", "string", "only those created later than this time in UTC", false},
    {"LAST", "integer", "only so many of the newest", false},
    {0}};
static const struct field wait_fields[] = {
    {"WAIT", "integer", "wait so many seconds for another phase; -1: as long as it takes", false},
    {"PHASE", "string", "the phase that is known: only while it is this one", false},
    {0}};
static const struct field change_fields[] = {{"PHASE", "string", PHASES, false},
                                             {"EXECUTIONDURATION", "integer", LIMIT, false},
                                             {"DESTRUCTION", "date-time", DESTRUCTION, false},
                                             {"ACTION", "string", "DELETE", false},
                                             {0}};
static const struct field phase_fields[] = {{"PHASE", "string", PHASES, false}, {0}};
static const struct field limit_fields[] = {{"EXECUTIONDURATION", "integer", LIMIT, false}, {0}};
static const struct field destruction_fields[] = {{"DESTRUCTION", "date-time", DESTRUCTION, false},
                                                  {0}};
static const struct field create_fields[] = {{"JDL", "string", JDL, false},
                                             {"RUNID", "string", RUNID, false},
                                             {"PHASE", "string", "RUN", false},
                                             {0}};
static const struct field create_query[] = {
    {"RUNID", "string", RUNID, false}, {"PHASE", "string", "RUN", false}, {0}};
static const struct field create_headers[] = {
    {"Idempotency-Key", "string", "of this request: with the same key it is not done again", false},
    {0}};
static const struct field parameter_fields[] = {
    {"JDL", "string", JDL, false}, {"RUNID", "string", RUNID, false}, {0}};

/* whatever it says */
static const struct field any_fields[] = {{0}};

const struct route routes[] = {
    {.path = "/",
     .methods = METHOD_GET,
     .formats = PAGE,
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
    {.path = "/jobs",
     .methods = METHOD_GET,
     .formats = UWS_PAGE,
     .standard = FORMAT_XML,
     .serve = serve_jobs,
     .id = "getJobs",
     .about = "The jobs who asks may see, newest first (UWS 1.1)",
     .answer = "jobs.json",
     .query = list_fields},
    {.path = "/jobs",
     .methods = METHOD_POST,
     .files = true,
     .serve = serve_create,
     .id = "createJob",
     .about = "Make a job of a task; without PHASE=RUN it waits for that (UWS 1.1, 2.2.3.1)",
     .takes = "task.json",
     .query = create_query,
     .form = create_fields,
     .headers = create_headers},
    {.path = "/jobs/{id}",
     .methods = METHOD_GET,
     .formats = UWS_PAGE,
     .standard = FORMAT_XML,
     .serve = serve_job,
     .id = "getJob",
     .about = "A job (UWS 1.1)",
     .answer = "job.json",
     .query = wait_fields},
    {.path = "/jobs/{id}",
     .methods = METHOD_POST,
     .serve = serve_change,
     .id = "changeJob",
     .about = "Change a job: its phase, limit, destruction; or delete it (UWS 1.1, 2.2.2)",
     .form = change_fields,
     .takes = "job-change.json"},
    {.path = "/jobs/{id}",
     .methods = METHOD_PATCH,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .serve = serve_change_patch,
     .id = "patchJob",
     .about =
         "Change a job by a document with its phase, destruction, executionduration, name, runid",
     .answer = "job.json",
     .takes = "job-change.json"},
    {.path = "/jobs/{id}",
     .methods = METHOD_DELETE,
     .serve = serve_change_delete,
     .id = "deleteJob",
     .about = "Delete a job; one that goes on is aborted first"},
    {.path = "/jobs/{id}/destruction",
     .methods = METHOD_GET,
     .formats = TEXT,
     .standard = FORMAT_TEXT,
     .serve = serve_value,
     .id = "getDestruction",
     .about = "When its results are destroyed (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/destruction",
     .methods = METHOD_POST,
     .serve = serve_change,
     .id = "setDestruction",
     .about = "Say when a job's results are destroyed",
     .form = destruction_fields,
     .takes = "job-change.json"},
    {.path = "/jobs/{id}/error",
     .methods = METHOD_GET,
     .formats = TEXT,
     .standard = FORMAT_TEXT,
     .serve = serve_error,
     .id = "getError",
     .about = "Why it failed (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/executionduration",
     .methods = METHOD_GET,
     .formats = TEXT,
     .standard = FORMAT_TEXT,
     .serve = serve_value,
     .id = "getExecutionDuration",
     .about = "How long it may execute, in seconds as a text (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/executionduration",
     .methods = METHOD_POST,
     .serve = serve_change,
     .id = "setExecutionDuration",
     .about = "Lower a job's limit of time",
     .form = limit_fields,
     .takes = "job-change.json"},
    {.path = "/jobs/{id}/owner",
     .methods = METHOD_GET,
     .formats = TEXT,
     .standard = FORMAT_TEXT,
     .serve = serve_value,
     .id = "getOwner",
     .about = "Whose it is (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/parameters",
     .methods = METHOD_GET,
     .formats = UWS,
     .standard = FORMAT_XML,
     .serve = serve_parameters,
     .id = "getParameters",
     .about = "What it was made with (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/parameters",
     .methods = METHOD_POST,
     .files = true,
     .serve = serve_create_parameters,
     .id = "setParameters",
     .about = "Change the task or other parameters of a job that was not planned yet",
     .takes = "task.json",
     .form = parameter_fields},
    {.path = "/jobs/{id}/phase",
     .methods = METHOD_GET,
     .formats = TEXT,
     .standard = FORMAT_TEXT,
     .serve = serve_value,
     .id = "getPhase",
     .about = "Where it is in its life (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/phase",
     .methods = METHOD_POST,
     .serve = serve_change,
     .id = "setPhase",
     .about = "Ask for another phase",
     .form = phase_fields,
     .takes = "job-change.json"},
    {.path = "/jobs/{id}/quote",
     .methods = METHOD_GET,
     .formats = TEXT,
     .standard = FORMAT_TEXT,
     .serve = serve_value,
     .id = "getQuote",
     .about = "When it is likely to end (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/results",
     .methods = METHOD_GET,
     .formats = UWS,
     .standard = FORMAT_XML,
     .serve = serve_results,
     .id = "getResults",
     .about = "What it made, and where that is (UWS 1.1)",
     .answer = "job.json"},
    {.path = "/jobs/{id}/results/{name}",
     .methods = METHOD_GET,
     .rest = true,
     .serve = serve_result,
     .id = "getResult",
     .about = "A file a job has made, or what there is below a directory of it",
     .type = "*/*"},
    {.path = "/jobs/{id}/stderr",
     .methods = METHOD_GET,
     .serve = serve_result_log,
     .id = "getStderr",
     .about = "What a job's program has written to its standard error, so far",
     .type = "text/plain"},
    {.path = "/jobs/{id}/stdout",
     .methods = METHOD_GET,
     .serve = serve_result_log,
     .id = "getStdout",
     .about = "What a job's program has written to its standard output, so far",
     .type = "text/plain"},
    {.path = "/login",
     .methods = METHOD_GET,
     .open = true,
     .serve = serve_login,
     .id = "login",
     .about = "Asks for a name and a password, where both are optional"},
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
     .serve = serve_accept,
     .id = "accept",
     .about = "Accept an offer: its slot is booked, its job is made (Planner 4.2)"},
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
     .formats = PAGE,
     .standard = FORMAT_JSON,
     .files = true,
     .serve = serve_planner,
     .id = "plan",
     .about = "Ask whether, where and when a task can run (Planner 2)",
     .takes = "task.json",
     .answer = "answer.json"},
    {.path = "/planner",
     .methods = METHOD_GET,
     .formats = FORMAT_HTML,
     .standard = FORMAT_HTML,
     .serve = serve_planner_page,
     .id = "getPlanner",
     .about = "A page to type a task into"},
    {.path = "/platforms",
     .methods = METHOD_GET,
     .formats = PAGE,
     .standard = FORMAT_JSON,
     .serve = serve_platforms,
     .id = "getPlatforms",
     .about = "The platforms who asks may use, as they are now",
     .answer = "platforms.json"},
    {.path = "/platforms/{name}",
     .methods = METHOD_GET,
     .formats = PAGE,
     .standard = FORMAT_JSON,
     .serve = serve_platform,
     .id = "getPlatform",
     .about = "A platform, as it is now",
     .answer = "platform-state.json"},
    {.path = "/style.css",
     .methods = METHOD_GET,
     .open = true,
     .serve = serve_style,
     .id = "getStyle",
     .about = "The style sheet of the pages",
     .type = "text/css"},
    {.path = "/triggers/{token}",
     .methods = METHOD_POST,
     .formats = DOCUMENT,
     .standard = FORMAT_JSON,
     .open = true,
     .serve = serve_trigger,
     .id = "callTrigger",
     .about = "Call a trigger of a job with names and values; the token is the "
              "right to (Planner "
              "2.5.1)",
     .answer = "trigger.json",
     .takes = "definitions.json#/$defs/options",
     .form = any_fields},
    {0},
};
const size_t route_count = COUNT(routes) - 1;

/* Does a path go by a route? Its segments are copied into r. */
static bool is_of(const struct route *row, const char *path, char found[4][256])
{
    const char *pattern = row->path;
    size_t n = 0;
    for (; *pattern && *path; pattern++, path++) {
        if (*pattern != '{') {
            if (*pattern != *path)
                return false;
            continue;
        }
        const size_t length = strcspn(path, "/");
        if (row->rest && pattern[strcspn(pattern, "}") + 1] == '\0')
            return true; /* the handler takes it of the path */
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
        if (!is_of(row, r->path, tried))
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
static void ask_name(struct reply *p, const char *why)
{
    reply_refuse(p, 401, "%s", why);
    reply_header(p, "WWW-Authenticate", "Basic realm=\"execdm\", charset=\"UTF-8\"");
}

static void refuse(const struct service *s, struct reply *p, const struct err *err)
{
    if (err->code == CODE_PERM && !err->inner && !s->known)
        ask_name(p, err->text);
    else
        reply_error(p, err);
    route_log(err);
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
        p->varies = true;
    }
    if (row->serve(s, r, p, &err) == 0)
        return;
    refuse(s, p, &err);
}

/* Services of the Virtual Observatory have their jobs at /async; here that is another word for
 * /jobs. */
static void take_alias(struct request *r)
{
    static const char alias[] = "/async";
    const size_t n = strlen(alias);
    if (!str_begins(r->path, alias) || (r->path[n] && r->path[n] != '/'))
        return;
    char *path = str_print("/jobs%s", r->path + n);
    free(r->path);
    r->path = path;
}

/* Who asks, and may they? */
static bool let_in(struct service *s, const struct route *row, const struct request *r,
                   struct reply *p)
{
    struct err err = {0};
    if (service_meet(s, r, &err) < 0) {
        refuse(s, p, &err);
        return false;
    }
    if (!s->who.name && !row->open) {
        ask_name(p, "this service wants to know who asks");
        return false;
    }
    return true;
}

const struct route *route_find(struct service *s, struct request *r, struct reply *p)
{
    unsigned methods;
    take_alias(r);
    const struct route *row = find(r, r->segments, &methods);
    if (!methods) {
        reply_refuse(p, 404, "there is nothing at %.200s", r->path);
    } else if (r->method == METHOD_OPTIONS) {
        p->status = 204;
        allow(p, methods);
    } else if (!row) {
        reply_refuse(p, 405, "this method is not for %.200s", r->path);
        allow(p, methods);
    } else if (let_in(s, row, r, p)) {
        return row;
    }
    return NULL;
}

void route_serve(struct service *s, const struct route *row, struct request *r, struct reply *p)
{
    struct err err = {0};
    const int may = guard_check(s, r, p, &err);
    if (may > 0)
        serve(s, row, r, p);
    if (may >= 0)
        return;
    reply_error(p, &err);
    route_log(&err);
}

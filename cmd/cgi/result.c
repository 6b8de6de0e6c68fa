/* The files of a job: what it has made, and what its program says (UWS 1.1, 2.2.2.4), with ranges
 * (RFC 9110, 14). They are of whoever wrote the program: nothing of them is a page of ours. */
#include <fcntl.h>
#include <sys/stat.h>
#include "handlers.h"
#include "host/clock.h"
#include "host/path.h"
#include "job/layout.h"
#include "job/query.h"
#include "text/uri.h"

/* What a browser may show by itself is `shown`; it runs nothing of it. */
static const struct media {
    const char *ending, *type;
    bool shown;
} medias[] = {
    {".txt", "text/plain; charset=utf-8", true},
    {".log", "text/plain; charset=utf-8", true},
    {".csv", "text/csv; charset=utf-8", false},
    {".tsv", "text/tab-separated-values", false},
    {".json", "application/json", false},
    {".yaml", "application/yaml", false},
    {".yml", "application/yaml", false},
    {".png", "image/png", true},
    {".jpg", "image/jpeg", true},
    {".jpeg", "image/jpeg", true},
    {".gif", "image/gif", true},
    {".fits", "application/fits", false},
    {".fit", "application/fits", false},
    {".vot", "application/x-votable+xml", false},
    {".xml", "application/xml", false},
    {".ipynb", "application/x-ipynb+json", false},
    {".pdf", "application/pdf", false},
    {".h5", "application/x-hdf5", false},
    {".hdf5", "application/x-hdf5", false},
    {".parquet", "application/vnd.apache.parquet", false},
    {".gz", "application/gzip", false},
    {".tar", "application/x-tar", false},
    {".zip", "application/zip", false},
};
static const struct media a_log = {"", "text/plain; charset=utf-8", true};
static const struct media some_bytes = {"", "application/octet-stream", false};

static const struct media *media_of(const char *name)
{
    if (str_same(name, "stdout") || str_same(name, "stderr"))
        return &a_log;
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT(medias); i++)
        if (strcasecmp(medias[i].ending, dot) == 0)
            return &medias[i];
    return &some_bytes;
}

const char *result_type(const char *name)
{
    return media_of(name)->type;
}

/* --- headers --- */

/* In the form for any letters (RFC 8187). */
static void say_name(struct reply *p, const char *name, bool shown)
{
    own(buf_fini) struct buf b = {0};
    const char *slash = strrchr(name, '/');
    for (const char *c = slash ? slash + 1 : name; *c; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            *c == '-' || *c == '.' || *c == '_')
            buf_char(&b, *c);
        else
            buf_print(&b, "%%%02X", (unsigned)(unsigned char)*c);
    reply_header(p, "Content-Disposition", "%s; filename*=UTF-8''%s",
                 shown ? "inline" : "attachment", b.bytes ? b.bytes : "");
}

#define TAG_TEXT 80
#define DATE_TEXT 40
/* What tells one state of a file from another. */
struct state {
    char tag[TAG_TEXT], date[DATE_TEXT];
};

static struct state state_of(const struct stat *st)
{
    struct state s;
    struct tm tm;
    snprintf(s.tag, sizeof(s.tag), "\"%llx-%llx-%llx.%lx\"", (unsigned long long)st->st_ino,
             (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
             (unsigned long)st->st_mtim.tv_nsec);
    gmtime_r(&st->st_mtim.tv_sec, &tm);
    strftime(s.date, sizeof(s.date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return s;
}

static void describe(struct reply *p, const struct media *media, const char *name,
                     const struct state *state)
{
    p->type = media->type;
    say_name(p, name, media->shown);
    reply_header(p, "ETag", "%s", state->tag);
    reply_header(p, "Last-Modified", "%s", state->date);
    reply_header(p, "Accept-Ranges", "bytes");
    reply_header(p, "Content-Security-Policy", "sandbox; default-src 'none'");
}

/* --- ranges --- */

/* What is too large is the largest number there is. */
static bool read_number(const char **text, int64_t *n)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *n = strtoll(*text, &end, 10);
    *text = end;
    return true;
}

enum range { RANGE_NONE, RANGE_PART, RANGE_BEYOND };

/* One range of bytes, "bytes=0-99", "bytes=100-", "bytes=-100". Who asks for several, or for what
 * we do not know, is given all (RFC 9110, 14.2). */
static enum range read_range(const char *text, int64_t all, int64_t *from, int64_t *size)
{
    int64_t first = 0, last = INT64_MAX;
    if (strncasecmp(text, "bytes=", 6) != 0)
        return RANGE_NONE;
    text += 6;
    if (*text == '-') {
        text++;
        if (!read_number(&text, &last) || *text)
            return RANGE_NONE;
        *from = last < all ? all - last : 0;
        *size = all - *from;
        return *size > 0 ? RANGE_PART : RANGE_BEYOND;
    }
    if (!read_number(&text, &first) || *text++ != '-')
        return RANGE_NONE;
    if (*text && !read_number(&text, &last))
        return RANGE_NONE;
    if (*text || last < first)
        return RANGE_NONE;
    if (first >= all)
        return RANGE_BEYOND;
    *from = first;
    *size = (last < all ? last + 1 : all) - first;
    return RANGE_PART;
}

/* If-Range: only of the state the client has the rest of; a weak tag never is. */
static bool is_same_state(const struct request *r, const struct state *state)
{
    const char *had = request_header(r, "HTTP_IF_RANGE");
    return !*had || str_same(had, state->tag) || str_same(had, state->date);
}

static bool is_known(const struct request *r, const struct state *state)
{
    if (*request_header(r, "HTTP_IF_NONE_MATCH"))
        return reply_known(r, state->tag);
    return str_same(request_header(r, "HTTP_IF_MODIFIED_SINCE"), state->date);
}

/* The file, or the part of it that is asked for. Takes fd. */
static int send_file(const struct request *r, struct reply *p, int fd, const struct stat *st,
                     const struct media *media, const char *name)
{
    const struct state state = state_of(st);
    const char *wanted = r->method == METHOD_GET ? request_header(r, "HTTP_RANGE") : "";
    p->fd = fd;
    p->size = st->st_size;
    const bool known = is_known(r, &state); /* before any range (RFC 9110, 13.2.2) */
    enum range range = RANGE_NONE;
    if (*wanted && !known && is_same_state(r, &state))
        range = read_range(wanted, st->st_size, &p->from, &p->size);
    if (range == RANGE_BEYOND) {
        reply_refuse(p, 416, "there are %lld bytes", (long long)st->st_size);
        reply_header(p, "Content-Range", "bytes */%lld", (long long)st->st_size);
        return 0;
    }
    describe(p, media, name, &state);
    if (known) {
        p->status = 304;
        p->type = NULL;
        p->size = 0;
    } else if (range == RANGE_PART) {
        p->status = 206;
        reply_header(p, "Content-Range", "bytes %lld-%lld/%lld", (long long)p->from,
                     (long long)(p->from + p->size - 1), (long long)st->st_size);
    }
    return 0;
}

/* --- where they are --- */

/* What it is below the job's directory, by whatever links the path leads there; NULL for what is
 * elsewhere. */
static const char *name_below(const struct service *s, const char *id, const char *path)
{
    own(str_fini) char *part = str_print("/jobs/%s/", id);
    const char *at = strstr(path, part);
    if (!at)
        return NULL;
    own(str_fini) char *before = str_print("%.*s", (int)(at - path), path);
    own(str_fini) char *there = realpath(before, NULL);
    own(str_fini) char *here = realpath(s->store.dir, NULL);
    return there && here && str_same(there, here) ? at + strlen(part) : NULL;
}

/* Links are followed in directories that only root can write to: they are the machine's own. */
static int open_elsewhere(const char *path)
{
    struct stat st;
    own(fd_fini) int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *rest = path + strspn(path, "/");
    while (dir >= 0 && fstat(dir, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022)) {
        const size_t n = strcspn(rest, "/");
        own(str_fini) char *name = str_print("%.*s", (int)n, rest);
        if (!rest[n] || str_same(name, ".."))
            break;
        const int next = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd_fini(&dir);
        dir = next;
        rest += n + strspn(rest + n, "/");
    }
    return dir < 0 ? -1 : path_open_plain(dir, rest, O_RDONLY | O_NONBLOCK);
}

/* No link of others is followed: beneath the job's directory its program may have made them, and
 * elsewhere on this machine, where we have stored it, whoever may write there could lead us to
 * files of ours. */
static int open_file(const struct service *s, const char *id, const char *path)
{
    const char *name = name_below(s, id, path);
    if (!name)
        return open_elsewhere(path);
    own(str_fini) char *dir = store_job_path(&s->store, id, NULL);
    own(fd_fini) int below = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return below < 0 ? -1 : path_open_plain(below, name, O_RDONLY | O_NONBLOCK);
}

static int serve_path(const struct service *s, const char *id, const struct request *r,
                      struct reply *p, const char *path, const struct media *media,
                      const char *name)
{
    struct stat st;
    own(fd_fini) int fd = open_file(s, id, path);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return reply_refuse(p, 404, "job %s has no file %.200s", id, name);
    const int given = fd;
    fd = -1;
    return send_file(r, p, given, &st, media, name);
}

static json_t *find_row(const json_t *results, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach (results, i, row)
        if (str_same(json_text(row, "name"), name))
            return row;
    return NULL;
}

/* A result is where its row says. */
static int serve_row(const struct service *s, const char *id, const struct request *r,
                     struct reply *p, const json_t *row)
{
    const char *url = json_text(row, "url"), *name = json_text(row, "name");
    own(str_fini) char *path = url ? uri_file_path(url) : NULL;
    if (path)
        return serve_path(s, id, r, p, path, media_of(name), name);
    if (!url)
        return reply_refuse(p, 404, "job %s says of %.200s not where it is", id, name);
    reply_see(p, url);
    return 0;
}

/* {"results": those below it}: a directory has no row of its own. */
static int serve_below(struct service *s, const char *id, const struct request *r, struct reply *p,
                       const char *name, struct err *err)
{
    const size_t n = strlen(name);
    own(json_fini) json_t *list = json_array();
    own(json_fini) json_t *doc = service_document(s, id, err);
    size_t i;
    json_t *row;
    if (!doc)
        return -1;
    json_array_foreach (json_object_get(doc, "results"), i, row) {
        const char *whole = json_text(row, "name");
        if (whole && strncmp(whole, name, n) == 0 && whole[n] == '/')
            json_array_append(list, row);
    }
    if (json_array_size(list) == 0)
        return reply_refuse(p, 404, "job %s has no result %.200s", id, name);
    own(json_fini) json_t *part = json_pack("{s:O}", "results", list);
    reply_document(p, r, part);
    return 0;
}

int serve_result(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    static const char between[] = "/results/";
    own(job_fini) struct job job = {0};
    const char *name = strstr(r->path, between);
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    own(json_fini) json_t *doc = query_job(&s->store, job.id, clock_ms(), err);
    if (!doc)
        return -1;
    name += strlen(between);
    const json_t *row = find_row(json_object_get(doc, "results"), name);
    return row ? serve_row(s, job.id, r, p, row) : serve_below(s, job.id, r, p, name, err);
}

/* While the program runs, too: as much as there is. */
int serve_result_log(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    const char *name = strrchr(r->path, '/') + 1;
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    if (!job_remote(&job)) {
        own(str_fini) char *path = layout_attempt(&s->store, &job, name);
        return serve_path(s, job.id, r, p, path, &a_log, name);
    }
    own(json_fini) json_t *doc = query_job(&s->store, job.id, clock_ms(), err);
    if (!doc)
        return -1;
    const json_t *row = find_row(json_object_get(doc, "results"), name);
    return row ? serve_row(s, job.id, r, p, row)
               : reply_refuse(p, 404, "job %s has no %s", job.id, name);
}

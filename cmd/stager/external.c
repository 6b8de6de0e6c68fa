/* The schemes of others: an executable execdm-stage-SCHEME moves a file or a directory between a
 * URL and a directory of ours, where it is checked, digested and put in place as everything is
 * (execdm-stage(1), "Other schemes"). */
#include "stager.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/spawn.h"
#include "text/uri.h"

/* What it says by its exit status. */
static const struct {
    int code;
    enum reason reason;
    bool transient;
} ends[] = {
    {CODE_NO, REASON_CORRUPT, false},          {CODE_USAGE, REASON_INVALID, false},
    {CODE_NOINPUT, REASON_NOTFOUND, false},    {CODE_IO, REASON_NOROOM, false},
    {CODE_TEMP, REASON_UNREACHABLE, true},     {CODE_PERM, REASON_DENIED, false},
    {CODE_UNAVAIL, REASON_UNSUPPORTED, false},
};

/* One program under way, and what it told. */
struct told {
    struct transfer *t; /* or NULL: nobody is told */
    struct found found;
    bool deaf; /* nobody listens to us */
};

static void on_line(void *context, const char *line, size_t len)
{
    struct told *told = context;
    own(json_fini) json_t *j = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    const char *event = json_text(j, "event"), *name = json_text(j, "name");
    const char *type = json_text(j, "type"), *text = json_text(j, "text");
    const struct watcher *w = told->t ? told->t->watcher : NULL;
    int rc = 0;
    if (str_same(event, "progress") && w)
        rc = w->progress(w->self, json_int(j, "bytes", 0), json_int(j, "total", -1));
    else if (str_same(event, "warning") && w && text)
        rc = w->warning(w->self, name ? name : "", text);
    else if (str_same(type, "directory"))
        told->found.kind = KIND_DIRECTORY;
    told->deaf |= rc < 0;
    if (type)
        told->found.size = json_int(j, "size", -1);
}

static bool on_stop(void *context)
{
    const struct told *told = context;
    return told->deaf || stager_signal;
}

char *external_program(const char *scheme)
{
    own(str_fini) char *name = str_print("execdm-stage-%s", scheme);
    return spawn_find_stager(name);
}

/* Who is asked: of ?endpoint=URL, or of the URL itself. The caller frees. NULL with f set where
 * the program may read another than we do. */
static char *host_of(const char *url, struct fault *f)
{
    own(str_fini) char *query = str_print("%.*s", (int)strcspn(url, "#"), url);
    own(str_fini) char *endpoint = NULL;
    char *rest = strchr(query, '?') ? strchr(query, '?') + 1 : query + strlen(query);
    for (char *part; (part = strsep(&rest, "&"));) {
        size_t n = strcspn(part, "=");
        own(str_fini) char *key = str_print("%.*s", (int)n, part);
        own(str_fini) char *name = uri_decode(key);
        if (!name || !str_same(name, "endpoint"))
            continue;
        if (endpoint || !(endpoint = uri_decode(part + n + (part[n] == '=')))) {
            own(str_fini) char *shown = uri_shown(url);
            fault_set(f, REASON_INVALID, false, "%s: expected one ?endpoint=URL at most", shown);
            return NULL;
        }
    }
    const char *at = strstr(endpoint ? endpoint : url, "://");
    return at ? str_print("%.*s", (int)strcspn(at + 3, "/?#"), at + 3) : str_new("");
}

static int ended(const char *verb, const char *shown, int code, struct spawn *run, struct fault *f)
{
    const char *said = spawn_last_error(run);
    for (size_t i = 0; i < COUNT(ends); i++)
        if (ends[i].code == code)
            return fault_set(f, ends[i].reason, ends[i].transient, "cannot %s %s: %s", verb, shown,
                             *said ? said : run->argv[0]);
    return fault_set(f, REASON_UNREACHABLE, false, "cannot %s %s: %s ended with %d%s%s", verb,
                     shown, run->argv[0], code, *said ? ": " : "", said);
}

/* Runs it: VERB URL WHAT. The credential goes by a descriptor, as the command line is everybody's
 * to read. */
static int run(struct told *told, const char *verb, const char *url, const char *what,
               struct fault *f)
{
    own(str_fini) char *scheme = uri_scheme(url);
    own(str_fini) char *path = external_program(scheme);
    own(str_fini) char *shown = uri_shown(url);
    own(str_fini) char *host = host_of(url, f);
    own(str_fini) char *secret = NULL;
    struct err err = {0};
    if (uri_has_user(url))
        return fault_set(
            f, REASON_INVALID, false,
            "%s: no user or password can stand in it, other users of the machine would "
            "see it; see credentials in execdm.yaml(5)",
            shown);
    if (!host || credential_text(host, &secret, f) < 0)
        return -1;
    char *argv[] = {path, (char *)verb, (char *)url, (char *)what, NULL};
    own(spawn_fini) struct spawn s = {.argv = argv,
                                      .secret = secret ? secret : "",
                                      .on_line = on_line,
                                      .stop = on_stop,
                                      .context = told};
    int code = path ? spawn_run(&s, &err) : -1;
    if (stager_signal)
        return fault_set(f, REASON_STOPPED, true, "stopped by signal %d", (int)stager_signal);
    if (told->deaf)
        return fault_set(f, REASON_STOPPED, true, "nobody listens any more");
    if (code < 0)
        return fault_set(f, REASON_MISSING, false, "cannot %s %s: %s", verb, shown,
                         path ? err.text : "its program is gone");
    return code ? ended(verb, shown, code, &s, f) : 0;
}

/* --- a directory of ours --- */

/* Near what is moved, so that there is room for it; else where temporary files go. */
static char *place_of(const struct transfer *t, struct fault *f)
{
    struct stat st;
    own(str_fini) char *dest = t->item->dest ? uri_file_path(t->item->dest) : NULL;
    own(str_fini) char *source = t->item->source ? uri_file_path(t->item->source) : NULL;
    char *path = dest ? dest : source;
    const char *temp = getenv("TMPDIR");
    while (path && path[1] && path[strlen(path) - 1] == '/')
        path[strlen(path) - 1] = '\0';
    if (path && path == dest && file_parents((struct transfer *)t, path, f) < 0)
        return NULL;
    if (path && !(path == dest && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        *(strrchr(path, '/') + (strrchr(path, '/') == path)) = '\0';
    if (!path || access(path, W_OK) < 0)
        path = NULL;
    own(str_fini) char *inside = str_print("%s/stage", path                   ? path
                                                       : temp && *temp == '/' ? temp
                                                                              : "/var/tmp");
    return file_temp(inside);
}

static void scratch_fini(char **dir)
{
    struct err ignored;
    if (*dir)
        path_remove(*dir, &ignored);
    str_fini(dir);
}

static int make_scratch(const struct transfer *t, char **dir, struct fault *f)
{
    own(str_fini) char *path = place_of(t, f);
    if (!path)
        return -1;
    if (mkdir(path, 0700) < 0)
        return fault_sys(f, "cannot make the directory %s", path);
    *dir = move(path);
    return 0;
}

/* --- from there --- */

/* The one thing it has left there. */
static char *only_entry(const char *path, struct fault *f)
{
    own(str_fini) char *name = NULL;
    DIR *dir = opendir(path);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (!str_same(e->d_name, ".") && !str_same(e->d_name, "..") && n++ == 0)
            name = str_new(e->d_name);
    if (dir)
        closedir(dir);
    if (n == 1)
        return move(name);
    fault_set(f, REASON_CORRUPT, false, "left %d files, expected one, or a directory", n);
    return NULL;
}

static int take_entry(const char *dir, const char *url, struct source **src, struct fault *f)
{
    own(str_fini) char *shown = uri_shown(url);
    struct fault why = {0};
    own(str_fini) char *name = only_entry(dir, &why);
    own(str_fini) char *last = url_name(url);
    own(str_fini) char *path = name ? str_print("%s/%s", dir, name) : NULL;
    if (!path)
        return fault_set(f, why.reason, false, "cannot get %s: its program %s", shown, why.text);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fault_sys(f, "cannot read what came of %s", shown);
    *src = file_source(fd, url, last ? last : name);
    if ((*src)->kind != KIND_UNKNOWN)
        return 0;
    source_close(src);
    return fault_set(f, REASON_CORRUPT, false, "what came of %s is no file and no directory",
                     shown);
}

static int external_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    t->patience = (struct patience){.moved = clock_boot()};
    for (;;) {
        struct told told = {.t = t};
        own(scratch_fini) char *dir = NULL;
        if (make_scratch(t, &dir, f) < 0)
            return -1;
        if (run(&told, "get", url, dir, f) == 0) {
            if (take_entry(dir, url, src, f) < 0)
                return -1;
            (*src)->scratch = move(dir);
            return 0;
        }
        if (!transfer_again(t, 0, f))
            return -1;
    }
}

/* --- and to there --- */

static int spool(struct stream *s, const char *path, struct fault *f)
{
    own(fd_fini) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    own(str_fini) char *bytes = mem_grow(NULL, STAGER_BUFFER, 1);
    ssize_t n = 0;
    if (fd < 0)
        return fault_sys(f, "cannot write %s", path);
    while ((n = stream_read(s, bytes, STAGER_BUFFER, f)) > 0)
        if (fd_write(fd, bytes, (size_t)n) < 0)
            return fault_sys(f, "cannot write %s", path);
    return (int)n;
}

/* What is sent is a copy, whose checksum is known: a task's directory may have links that lead
 * elsewhere, and who wrote a file may write it again. */
static int external_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    struct told told = {.t = s->t};
    own(scratch_fini) char *dir = NULL;
    own(str_fini) char *name = url_name(url);
    own(str_fini) char *path = NULL;
    (void)mode;
    if (make_scratch(s->t, &dir, f) < 0)
        return -1;
    path = str_print("%s/%s", dir, name ? name : "file");
    return spool(s, path, f) < 0 ? -1 : run(&told, "put", url, path, f);
}

/* --- asked --- */

static int external_readable(const char *url, struct found *found, struct fault *f)
{
    struct told told = {.found = {KIND_FILE, -1}};
    if (run(&told, "check", url, "r", f) < 0)
        return -1;
    *found = told.found;
    return 0;
}

static int external_writable(const char *url, enum kind type, struct fault *f)
{
    struct told told = {0};
    (void)type;
    return run(&told, "check", url, "rw", f);
}

const struct scheme scheme_external = {
    .name = "foreign",
    .open = external_open,
    .put = external_put,
    .readable = external_readable,
    .writable = external_writable,
};

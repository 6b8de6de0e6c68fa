#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/layout.h"
#include "plan/upload.h"
#include "text/uri.h"

#define OUTPUTS "/outputs"
#define PROGRAM "/execdm/program"
#define PYTHON "/usr/bin/python3"
#define REQUIREMENTS "/execdm/requirements.txt"
#define NOTEBOOK_NAME "notebook"
#define NOTEBOOK_ENDING ".ipynb"
#define NOTEBOOK_MAX 250 /* bytes of a name with its ending; a file system takes 255 */
#define QUEUE_S 60       /* what comes at the end of its window may still pass through a queue */

char *layout_attempt(const struct store *s, const struct job *j, const char *name)
{
    own(str_fini) char *dir =
        str_print("attempt-%d%s%s", j->attempt, name ? "/" : "", name ? name : "");
    return store_job_path(s, j->id, dir);
}

/* Where a storage of the task is on this machine. */
static char *place_of(const struct store *s, const struct job *j, const struct task *t, size_t i)
{
    const struct storage *st = &t->storage[i];
    if (st->location && !st->used_for_write) {
        own(str_fini) char *name = str_print("in/%zu", i);
        return store_job_path(s, j->id, name);
    }
    own(str_fini) char *name = str_print("%s/%zu", st->location ? "out" : "scratch", i);
    return layout_attempt(s, j, name);
}

/* Runs a notebook's cells in turn, and keeps what they gave, of one that fails too: its error goes
 * to standard error, which ends with it. */
#define RUN_NOTEBOOK                                                                               \
    "import sys, nbformat\n"                                                                       \
    "from nbconvert.preprocessors import CellExecutionError, ExecutePreprocessor\n"                \
    "notebook = nbformat.read('" PROGRAM "', as_version=4)\n"                                      \
    "try:\n"                                                                                       \
    "    ExecutePreprocessor(timeout=-1, startup_timeout=600).preprocess(notebook, {})\n"          \
    "except CellExecutionError as error:\n"                                                        \
    "    sys.exit(str(error).rstrip())\n"                                                          \
    "finally:\n"                                                                                   \
    "    nbformat.write(notebook, '" OUTPUTS "/' + sys.argv[1])\n"

/* What is staged to be run by a program of the platform's: by which key of its spec the type names
 * it, and the command. */
static const struct script {
    const char *type, *key, *command[4];
} scripts[] = {
    {EXEC_TYPES "python-program", "program", {PYTHON, PROGRAM}},
    {EXEC_TYPES "jupyter-notebook", "notebook", {PYTHON, "-c", RUN_NOTEBOOK}},
};

/* NULL: an image brings all that is run. */
static const struct script *script_of(const struct task *t)
{
    for (size_t i = 0; i < COUNT(scripts); i++)
        if (str_same(scripts[i].type, t->type))
            return &scripts[i];
    return NULL;
}

static const char *requirements_of(const struct task *t)
{
    return script_of(t) ? json_text(t->spec, "requirements") : NULL;
}

/* The executed notebook is called as the one it came from, with the ending that Jupyter's have
 * (Planner 2.1.1), as execdm(7) tells: what may mean something to a shell becomes "_", and no name
 * is hidden or too long for a file. The caller frees. */
static char *notebook_name(const char *url)
{
    const size_t whole = strcspn(url, "?#");
    size_t begin = whole;
    while (begin > 0 && url[begin - 1] != '/')
        begin--;
    own(str_fini) char *name = str_print("%.*s", (int)(whole - begin), url + begin);
    char *dot = strrchr(name, '.');
    if (dot)
        *dot = '\0';
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.+", *c))
            *c = '_';
    const int stem = NOTEBOOK_MAX - (int)strlen(NOTEBOOK_ENDING);
    return str_print("%.*s" NOTEBOOK_ENDING, stem, *name && *name != '.' ? name : NOTEBOOK_NAME);
}

/* Said so, or there already, or a URL whose path ends in a name. */
bool layout_single(const struct storage *st)
{
    struct stat info;
    const char *type = storage_kind(st);
    if (type)
        return str_same(type, "file");
    own(str_fini) char *path = uri_file_path(st->location);
    if (path)
        return stat(path, &info) == 0 && S_ISREG(info.st_mode);
    const char *mark = strstr(st->location, "://"), *host = mark ? mark + 3 : st->location;
    const char *end = host + strcspn(host, "?#");
    return end[-1] != '/' && memchr(host, '/', (size_t)(end - host));
}

/* A single result begins as an empty file of this age, so that one the program never wrote to is
 * known: it replaces nothing. */
static int make_placeholder(const char *place, struct err *err)
{
    const struct timespec never[2] = {{0, 0}, {0, 0}};
    if (path_mkparents(place, 0700, err) < 0 || path_write(place, "", 0, 0600, err) < 0)
        return -1;
    if (utimensat(AT_FDCWD, place, never, 0) < 0)
        return err_sys(err, "cannot set the time of %s", place);
    return 0;
}

static bool is_placeholder(const struct stat *info)
{
    return S_ISREG(info->st_mode) && info->st_size == 0 && info->st_mtim.tv_sec == 0;
}

bool layout_public(const struct job *j, const char *name)
{
    const json_t *private = json_object_get(j->doc, "private");
    const json_t *policy = json_object_get(private, "policy");
    size_t i;
    json_t *placed;
    json_array_foreach (json_object_get(private, "placed"), i, placed)
        if (str_same(json_string_value(placed), name))
            return false;
    return json_is_true(json_object_get(policy, "public"));
}

/* `name` is that of a storage, or of something of the executable. */
static json_t *manifest_line(const struct job *j, const char *name, const char *source,
                             const char *dest, const char *direction)
{
    json_t *line = json_pack("{s:s,s:s,s:s,s:s}", "id", name, "source", source, "dest", dest,
                             "direction", direction);
    if (layout_public(j, name))
        json_object_set_new(line, "public", json_true());
    return line;
}

/* Where a file that came with the task is kept, else what the location says. The caller frees. */
static char *source_of(const struct store *s, const struct job *j, const char *location)
{
    const char *id = upload_of(json_object_get(j->doc, "private"));
    own(str_fini) char *path = upload_path(s, id, location);
    return path ? uri_of_path(path) : str_new(location);
}

/* The id of a line of ours: no storage is named so. The caller frees. */
static char *own_id(const struct task *t, const char *word)
{
    char *id = str_new(word);
    for (size_t i = 0; i < t->nstorage; i++)
        if (str_same(t->storage[i].name, id)) {
            own(str_fini) char *before = id;
            id = str_print("own %s", before);
            i = (size_t)-1; /* from the first one again */
        }
    return id;
}

/* What is no storage of the task, but a file in the job's directory by this name. */
static void add_own(json_t *lines, const struct store *s, const struct job *j, const struct task *t,
                    const char *name, const char *location)
{
    own(str_fini) char *place = store_job_path(s, j->id, name);
    own(str_fini) char *dest = uri_of_path(place);
    own(str_fini) char *id = own_id(t, name);
    own(str_fini) char *source = source_of(s, j, location);
    json_array_append_new(lines, manifest_line(j, id, source, dest, "pull"));
}

json_t *layout_inputs(const struct store *s, const struct job *j, const struct task *t)
{
    json_t *lines = json_array();
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *st = &t->storage[i];
        if (!st->location || st->used_for_write)
            continue;
        own(str_fini) char *place = place_of(s, j, t, i);
        own(str_fini) char *dest = uri_of_path(place);
        own(str_fini) char *source = source_of(s, j, st->location);
        json_t *line = manifest_line(j, st->name, source, dest, "pull");
        json_t *checksum = json_object_get(st->spec, "checksum");
        if (checksum)
            json_object_set(line, "checksum", checksum);
        if (json_is_true(json_object_get(st->spec, "unpack")))
            json_object_set_new(line, "unpack", json_true());
        json_array_append_new(lines, line);
    }
    const struct script *script = script_of(t);
    if (script)
        add_own(lines, s, j, t, "program", json_text(t->spec, script->key));
    if (requirements_of(t))
        add_own(lines, s, j, t, "requirements", requirements_of(t));
    return lines;
}

static bool mounts_outputs(const struct task *t)
{
    for (size_t i = 0; i < t->nvolumes; i++)
        if (str_same(t->volumes[i].path, OUTPUTS))
            return true;
    return false;
}

bool layout_left_outputs(const struct store *s, const struct job *j)
{
    own(str_fini) char *place = layout_attempt(s, j, "outputs");
    DIR *dir = opendir(place);
    bool found = !dir && errno != ENOENT; /* who moves them says what is wrong */
    for (const struct dirent *e; dir && !found && (e = readdir(dir));)
        found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return found;
}

json_t *layout_results(const struct store *s, const struct job *j, const struct task *t,
                       struct strs *unwritten)
{
    json_t *lines = json_array();
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *st = &t->storage[i];
        if (!st->location || !st->used_for_write)
            continue;
        own(str_fini) char *place = place_of(s, j, t, i);
        own(str_fini) char *source = uri_of_path(place);
        struct stat info;
        bool there = stat(place, &info) == 0;
        if (there && is_placeholder(&info)) {
            strs_add(unwritten, st->name);
            continue;
        }
        json_t *line = manifest_line(j, st->name, source, st->location, "push");
        bool single = there && S_ISREG(info.st_mode);
        json_object_set_new(line, "type", json_string(single ? "file" : "directory"));
        json_array_append_new(lines, line);
    }
    if (!mounts_outputs(t) &&
        layout_left_outputs(s, j)) { /* what is left there is kept with the job (model.md) */
        own(str_fini) char *place = layout_attempt(s, j, "outputs");
        own(str_fini) char *source = uri_of_path(place);
        own(str_fini) char *kept = store_job_path(s, j->id, "results");
        own(str_fini) char *dest = uri_of_path(kept);
        own(str_fini) char *id = own_id(t, "outputs");
        json_t *line = manifest_line(j, id, source, dest, "push");
        json_object_set_new(line, "type", json_string("directory"));
        json_array_append_new(lines, line);
    }
    return lines;
}

int layout_make(const struct store *s, const struct job *j, const struct task *t, struct err *err)
{
    own(str_fini) char *outputs = layout_attempt(s, j, "outputs");
    if (path_mkdirs(outputs, 0700, err) < 0)
        return -1;
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *st = &t->storage[i];
        own(str_fini) char *place = place_of(s, j, t, i);
        if (st->location && !st->used_for_write)
            continue;
        if (st->location && layout_single(st)) {
            if (make_placeholder(place, err) < 0)
                return -1;
        } else if (path_mkdirs(place, 0700, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* With a size, it is to hold no more. */
static void add_mount(json_t *mounts, const char *source, const char *path, bool write,
                      int64_t size)
{
    json_t *one =
        json_pack("{s:s,s:s,s:s}", "source", source, "path", path, "mode", write ? "rw" : "r");
    if (size)
        json_object_set_new(one, "size", json_integer((json_int_t)size));
    json_array_append_new(mounts, one);
}

static json_t *all_mounts(const struct store *s, const struct job *j, const struct task *t)
{
    json_t *mounts = json_array();
    if (!mounts_outputs(t)) {
        own(str_fini) char *outputs = layout_attempt(s, j, "outputs");
        add_mount(mounts, outputs, OUTPUTS, true, 0);
    }
    for (size_t i = 0; i < t->nvolumes; i++) {
        const struct volume *v = &t->volumes[i];
        const struct storage *st = &t->storage[v->storage];
        own(str_fini) char *place = place_of(s, j, t, v->storage);
        add_mount(mounts, place, v->path, v->write, st->location ? 0 : st->size);
    }
    if (script_of(t)) {
        own(str_fini) char *program = store_job_path(s, j->id, "program");
        add_mount(mounts, program, PROGRAM, false, 0);
    }
    if (requirements_of(t)) {
        own(str_fini) char *requirements = store_job_path(s, j->id, "requirements");
        add_mount(mounts, requirements, REQUIREMENTS, false, 0);
    }
    return mounts;
}

/* Entrypoint and Cmd as the image says, both replaced by what the task says, whichever it names
 * (OCI image spec, config). */
static json_t *arguments(const struct task *t, const json_t *config)
{
    json_t *command = json_object_get(t->spec, "command");
    json_t *entrypoint = json_object_get(t->spec, "entrypoint");
    json_t *args = json_array();
    const struct script *script = script_of(t);
    if (script) {
        for (size_t i = 0; script->command[i]; i++)
            json_array_append_new(args, json_string(script->command[i]));
        if (str_same(script->key, "notebook")) {
            own(str_fini) char *name = notebook_name(json_text(t->spec, script->key));
            json_array_append_new(args, json_string(name));
        }
        json_array_extend(args, json_object_get(t->spec, "arguments"));
        return args;
    }
    if (json_is_string(entrypoint))
        json_array_append(args, entrypoint);
    else
        json_array_extend(args, entrypoint);
    json_array_extend(args, command);
    if (!command && !entrypoint)
        json_array_extend(args, json_object_get(config, "args"));
    return args;
}

/* PATH, HOME, TMPDIR, LANG and what image and task say; nothing of ours (decisions.md). */
static json_t *environment(const struct task *t, const json_t *config)
{
    json_t *env = json_object();
    size_t i;
    json_t *item;
    json_object_set_new(env, "PATH", json_string("/usr/local/bin:/usr/bin:/bin"));
    json_array_foreach (json_object_get(config, "env"), i, item) {
        const char *text = json_string_value(item), *equals = text ? strchr(text, '=') : NULL;
        if (!equals)
            continue;
        own(str_fini) char *name = str_print("%.*s", (int)(equals - text), text);
        json_object_set_new(env, name, json_string(equals + 1));
    }
    json_object_set_new(env, "HOME", json_string("/tmp"));
    json_object_set_new(env, "TMPDIR", json_string("/tmp"));
    json_object_set_new(env, "LANG", json_string("C.UTF-8"));
    if (str_same(t->type, EXEC_TYPES "jupyter-notebook")) /* else each kernel warns of what it is */
        json_object_set_new(env, "PYDEVD_DISABLE_FILE_VALIDATION", json_string("1"));
    json_object_update(env, json_object_get(t->spec, "environment"));
    return env;
}

/* What was booked by its type, and what comes with the flavor that was booked in its place. */
static json_t *extras(const json_t *private, const struct room *need)
{
    const json_t *of_flavor = json_object_get(private, "extras");
    json_t *list = of_flavor ? json_copy((json_t *)of_flavor) : json_object();
    const char *name;
    json_t *count;
    json_object_foreach (need->parts, name, count)
        if (!str_begins(name, PART_FLAVOR))
            json_object_set(list, name, count);
    return list;
}

/* For a backend with a queue of its own, of an attempt that has not started in time already. */
static void add_window(json_t *line, const struct job *j)
{
    const json_t *private = json_object_get(j->doc, "private");
    char text[WHEN_TEXT];
    if (j->attempt > 1 || json_is_true(json_object_get(private, "held")) ||
        !json_int(private, "to", 0))
        return;
    const struct when from = {json_int(private, "from", 0), 0};
    int64_t to = json_int(private, "to", 0), now = clock_ms() / 1000;
    const struct when last = {(to > now ? to : now) + QUEUE_S, 0}; /* staging took its time */
    json_object_set_new(line, "not_before", json_string(when_print(from, text)));
    json_object_set_new(line, "not_after", json_string(when_print(last, text)));
}

json_t *layout_submit(const struct store *s, const struct job *j, const struct task *t,
                      const char *rootfs, const json_t *config)
{
    char stamp[STAMP_TEXT];
    const json_t *private = json_object_get(j->doc, "private");
    const struct room need = room_of(json_object_get(private, "need"));
    /* more than what is booked only where the platform overcommits */
    const int64_t memory = json_int(private, "maxmemory", need.memory);
    own(str_fini) char *out = layout_attempt(s, j, "stdout");
    own(str_fini) char *errors = layout_attempt(s, j, "stderr");
    own(str_fini) char *record = layout_attempt(s, j, EXIT_RECORD);
    json_t *line = json_pack(
        "{s:s,s:i,s:s,s:{s:s,s:s*,s:o,s:o,s:s,s:s*},s:o,s:{s:I,s:I,s:I,s:I,s:o,s:O*},s:s,s:s,s:s,s:"
        "s}",
        "id", j->id, "attempt", j->attempt, "stamp", job_stamp(j, stamp), "exec", "type", t->type,
        "rootfs", rootfs, "args", arguments(t, config), "environment", environment(t, config),
        "cwd", OUTPUTS, "requirements", requirements_of(t) ? REQUIREMENTS : NULL, "mounts",
        all_mounts(s, j, t), "limits", "cores", (json_int_t)need.cores, "maxcores",
        (json_int_t)json_int(private, "maxcores", need.cores), "memory", (json_int_t)memory, "wall",
        (json_int_t)json_int(private, "length", 0), "extras", extras(private, &need), "advisory",
        json_object_get(j->doc, "advisory"), "network", "none", "stdout", out, "stderr", errors,
        "exitfile", record);
    add_window(line, j);
    return line;
}

/* The software that must be there beside the executable: a version of Python, its modules, the
 * kernel of a notebook. What the driver's probe does not name is not there. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/stager.h"
#include "model/requirement.h"
#include "plan/matching.h"
#include "plan/upload.h"
#include "text/doc.h"
#include "text/uri.h"

#define REQUIREMENTS_MAX (256 * 1024)
#define DOCUMENT_MAX (16 * 1024 * 1024)
#define LEFT_S 3600              /* what is older was left by one that was killed */
#define DEFAULT_KERNEL "python3" /* Jupyter's own, of a notebook that names none */

static const json_t *fact(const struct matching *m, const char *key)
{
    return json_object_get(json_object_get(m->platform->probe, "facts"), key);
}

/* The path of a document that a task names, fetched when it is elsewhere; the caller frees. */
static char *local_copy(const struct matching *m, const char *url, const char *scratch,
                        struct err *err)
{
    own(stager_fini) struct stager s = {.identity = m->identity};
    own(str_fini) char *upload = upload_path(m->store, m->policy->uploads, url);
    own(str_fini) char *path = upload ? move(upload) : uri_file_path(url);
    own(str_fini) char *dest = uri_of_path(scratch);
    const char *id;
    if (path)
        return move(path);
    own(json_fini) json_t *lines =
        json_pack("[{s:s,s:s,s:s,s:s,s:s,s:i,s:b}]", "id", "document", "source", url, "dest", dest,
                  "direction", "pull", "type", "file", "most", DOCUMENT_MAX, "public",
                  policy_public(m->policy));
    if (stager_run(&s, lines, err) < 0)
        return NULL;
    const json_t *failed = stager_failure(&s, lines, &id);
    if (!failed)
        return str_new(scratch);
    err_set(err, CODE_IO, "%s", json_text(json_object_get(failed, "error"), "text"));
    return NULL;
}

/* Where they are fetched to; nobody else has anything there. */
static int make_room(const char *place, struct err *err)
{
    const time_t old = (time_t)(clock_ms() / 1000) - LEFT_S;
    struct stat st;
    if (path_mkdirs(place, 0700, err) < 0)
        return -1;
    DIR *dir = opendir(place);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_mtime < old)
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    return 0;
}

/* The text of it, or NULL with err; the caller frees. */
static char *fetch_document(const struct matching *m, const char *url, struct err *err)
{
    own(str_fini) char *place = str_print("%s/documents", m->store->dir);
    own(str_fini) char *scratch = str_print("%s/%ld", place, (long)getpid());
    if (make_room(place, err) < 0)
        return NULL;
    own(str_fini) char *path = local_copy(m, url, scratch, err);
    own(input_close) struct input in = {0};
    if (!path)
        return NULL;
    const int rc = input_open(&in, path, err);
    unlink(scratch);
    return rc < 0 ? NULL : str_print("%.*s", (int)in.len, in.bytes);
}

/* The same, fetched once for all platforms. Borrowed. */
static const char *read_document(struct matching *m, const char *url, struct err *err)
{
    if (!json_object_get(m->documents, url)) {
        own(str_fini) char *text = fetch_document(m, url, err);
        json_object_set_new(m->documents, url,
                            text ? json_pack("{s:s}", "text", text)
                                 : json_pack("{s:s}", "error", err->text));
    }
    const json_t *document = json_object_get(m->documents, url);
    if (json_text(document, "error"))
        err_set(err, CODE_IO, "%s", json_text(document, "error"));
    return json_text(document, "text");
}

static void refuse_module(struct matching *m, const struct requirement *r, const char *there)
{
    struct finding *f =
        there ? match_refuse(m, "requirements", "/executable/spec/requirements",
                             "%s%s is asked for, here it is %s (Planner 1.2)", r->name, r->versions,
                             there)
              : match_refuse(m, "requirements", "/executable/spec/requirements",
                             "the module %s is not here, and jobs have no network to install it "
                             "(Planner 1.2)",
                             r->name);
    finding_amounts(f, json_sprintf("%s%s", r->name, r->versions),
                    there ? json_string(there) : NULL);
    finding_hint(f, "put the modules into an OCI image");
}

/* Is there one that the driver will install? It says which as name==version. */
static bool is_wheel(const struct matching *m, const struct requirement *r)
{
    const size_t n = strlen(r->name);
    size_t i;
    json_t *item;
    json_array_foreach (fact(m, "wheels"), i, item) {
        const char *wheel = json_string_value(item);
        if (str_begins(wheel, r->name) && str_begins(wheel + n, "==") &&
            requirement_allows(r->versions, wheel + n + 2) == 1)
            return true;
    }
    return false;
}

static void match_line(struct matching *m, const char *line, size_t len, size_t number)
{
    own(requirement_fini) struct requirement r = {0};
    const char *why, *python = json_string_value(fact(m, "python"));
    if (requirement_parse(line, len, &r, &why) < 0) {
        match_refuse(m, "requirements", "/executable/spec/requirements",
                     "line %zu of the requirements %s", number, why);
        return;
    }
    if (!r.name || requirement_skipped(r.marker, python))
        return;
    const char *there = json_text(fact(m, "modules"), r.name);
    if ((!there || !requirement_allows(r.versions, there)) && !is_wheel(m, &r))
        refuse_module(m, &r, there);
}

static void match_requirements(struct matching *m)
{
    const char *url = json_text(m->task->spec, "requirements");
    struct err err = {0};
    size_t number = 1;
    if (!url)
        return;
    const char *text = read_document(m, url, &err);
    if (!text || strlen(text) > REQUIREMENTS_MAX) {
        match_refuse(m, "requirements", "/executable/spec/requirements",
                     "the requirements cannot be read: %s", text ? "they are too long" : err.text);
        return;
    }
    for (const char *at = text; *at; number++) {
        const size_t n = strcspn(at, "\n");
        match_line(m, at, n, number);
        at += n + (at[n] == '\n');
    }
}

static void match_python(struct matching *m)
{
    const char *asked = json_text(m->task->spec, "python");
    const char *there = json_string_value(fact(m, "python"));
    const int rc = asked ? requirement_allows(asked, there ? there : "0") : 1;
    if (rc == 1 && (there || !asked))
        return;
    struct finding *f =
        rc < 0 ? match_refuse(m, "requirements", "/executable/spec/python",
                              "\"%s\" names no versions, expected some like >=3.9,<4", asked)
               : match_refuse(m, "requirements", "/executable/spec/python",
                              "Python %s is asked for, here it is %s (Planner 1.2)", asked,
                              there ? there : "not known");
    finding_amounts(f, json_string(asked), there ? json_string(there) : NULL);
}

static bool lists_word(const json_t *list, const char *word)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        if (str_same(json_string_value(item), word))
            return true;
    return false;
}

/* A notebook names its kernel itself, in nbformat's metadata. */
static void match_kernel(struct matching *m)
{
    const char *url = json_text(m->task->spec, "notebook");
    own(json_fini) json_t *notebook = NULL;
    struct err err = {0};
    const char *text = url ? read_document(m, url, &err) : NULL;
    if (text && doc_bytes("the notebook", text, strlen(text), &notebook, &err) == 0 &&
        !json_is_integer(json_object_get(notebook, "nbformat")))
        err_set(&err, CODE_DATA, "it is none of Jupyter's, expected nbformat in it");
    if (!url || err.code) {
        match_refuse(m, "kernel", "/executable/spec/notebook", "the notebook cannot be read: %s",
                     url ? err.text : "none is named");
        return;
    }
    const json_t *kernel = json_object_get(json_object_get(notebook, "metadata"), "kernelspec");
    const char *named = json_text(kernel, "name"), *asked = named ? named : DEFAULT_KERNEL;
    if (lists_word(fact(m, "kernels"), asked))
        return;
    json_t *one = json_array_get(fact(m, "kernels"), 0);
    finding_amounts(match_refuse(m, "kernel", "/executable/spec/notebook",
                                 "the notebook needs the kernel %s, which is not here (Planner "
                                 "2.1.1)",
                                 asked),
                    json_string(asked), json_incref(one));
}

void match_dependencies(struct matching *m)
{
    static const struct {
        const char *type;
        void (*match)(struct matching *);
    } needs[] = {
        {EXEC_TYPES "python-program", match_python},
        {EXEC_TYPES "python-program", match_requirements},
        {EXEC_TYPES "jupyter-notebook", match_kernel},
        {EXEC_TYPES "jupyter-notebook", match_requirements},
    };
    /* of a type that does not run here nothing more need be said */
    const json_t *runtimes = json_object_get(m->platform->probe, "runtimes");
    for (size_t i = 0; i < COUNT(needs); i++)
        if (str_same(m->task->type, needs[i].type) && platform_row(runtimes, m->task->type))
            needs[i].match(m);
}

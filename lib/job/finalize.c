#include <dirent.h>
#include <sys/stat.h>
#include "job/layout.h"
#include "job/parts.h"
#include "text/uri.h"

void part_own_result(struct step *s, struct job *j, json_t *results, const char *name)
{
    struct stat st;
    own(str_fini) char *path = layout_attempt(s->store, j, name);
    own(str_fini) char *url = uri_of_path(path);
    if (stat(path, &st) < 0)
        return;
    json_array_append_new(results, json_pack("{s:s,s:s,s:s,s:I}", "name", name, "type", "file",
                                             "url", url, "size", (json_int_t)st.st_size));
}

/* What could not be stored stays where it is; `execdm-stage job:ID DEST` brings it away by hand.
 * Nobody is at work in there any more; links are not followed. */
static void add_kept(json_t *results, const char *path, const char *name)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return;
    if (S_ISREG(st.st_mode)) {
        own(str_fini) char *url = uri_of_path(path);
        own(json_fini) json_t *text = json_string(name);
        if (text) /* else it is no UTF-8, and only the directory itself has it */
            json_array_append_new(results,
                                  json_pack("{s:O,s:s,s:s,s:I}", "name", text, "type", "file",
                                            "url", url, "size", (json_int_t)st.st_size));
        return;
    }
    DIR *dir = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (str_same(e->d_name, ".") || str_same(e->d_name, ".."))
            continue;
        own(str_fini) char *below = str_print("%s/%s", path, e->d_name);
        own(str_fini) char *rest = *name ? str_print("%s/%s", name, e->d_name) : str_new(e->d_name);
        add_kept(results, below, rest);
    }
    if (dir)
        closedir(dir);
}

static void collect_results(struct step *s, struct job *j, json_t *lines,
                            const struct stager *stager)
{
    json_t *results = json_array();
    size_t i, k;
    json_t *line, *file, *warning;
    json_array_foreach (lines, i, line) {
        const char *id = json_text(line, "id");
        bool single = str_same(json_text(line, "type"), "file");
        const json_t *result = json_object_get(stager->results, id);
        if (!str_same(json_text(result, "state"), "done")) {
            own(str_fini) char *kept = uri_file_path(json_text(line, "source"));
            add_kept(results, kept, single ? id : "");
            continue;
        }
        json_array_foreach (json_object_get(stager->files, id), k, file) {
            const char *name = single ? id : json_text(file, "name");
            json_array_append_new(results,
                                  json_pack("{s:s,s:s,s:s,s:O*,s:O*}", "name", name, "type", "file",
                                            "url", json_text(file, "location"), "size",
                                            json_object_get(file, "size"), "checksum",
                                            json_object_get(file, "checksum")));
        }
        json_array_foreach (json_object_get(stager->warnings, id), k, warning) {
            own(str_fini) char *text =
                str_print("%s: %s", json_text(warning, "name"), json_text(warning, "text"));
            act_message(j, "output-skipped", text);
        }
    }
    part_own_result(s, j, results, "stdout");
    part_own_result(s, j, results, "stderr");
    json_object_set_new(j->doc, "results", results);
}

static int end_job(struct step *s, struct job *j, struct err *err)
{
    const char *outcome = json_text(j->doc, "outcome");
    const char *message = json_text(json_object_get(j->doc, "error"), "message");
    if (str_same(outcome, "ok"))
        return act_go(s, j, EVENT_COMPLETE, NULL, err);
    if (str_same(outcome, "timelimit") || str_same(outcome, "killed") ||
        str_same(outcome, "startwindow"))
        return act_go(s, j, EVENT_ABORT, message, err);
    return act_go(s, j, EVENT_FAIL, message, err);
}

int part_finalize(struct step *s, struct job *j, const struct task *t, struct err *err)
{
    own(stager_fini) struct stager stager = {0};
    own(strs_fini) struct strs unwritten = {0};
    bool ran = !str_same(json_text(j->doc, "outcome"), "internal");
    own(json_fini) json_t *lines = ran ? layout_results(s->store, j, t, &unwritten) : json_array();
    own(json_fini) json_t *cause = json_incref(json_object_get(j->doc, "error"));
    act_forget(j, "output-skipped"); /* said again below when this is the second time */
    for (size_t i = 0; i < unwritten.n; i++) {
        own(str_fini) char *text = str_print("%s: the program wrote nothing to it, so nothing was "
                                             "stored",
                                             unwritten.list[i]);
        act_message(j, "output-skipped", text);
    }
    int rc = act_move(s, j, "results", lines, &stager, "stageout", err);
    if (rc < 0)
        return -1;
    collect_results(s, j, lines, &stager);
    if (cause) /* the program's own end matters more than what became of its leavings */
        json_object_set(j->doc, "error", cause);
    else if (rc > 0)
        json_object_set_new(j->doc, "outcome", json_string("stageout"));
    act_release_inputs(s, j);
    int done = end_job(s, j, err);
    if (done > 0 && rc == 0)
        act_release_outputs(s, j);
    return done;
}

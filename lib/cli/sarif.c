/* SARIF 2.1.0 (OASIS), as GitHub, GitLab and editors read it. Paragraphs are those of the standard.
 */
#include <limits.h>
#include "cli/report.h"
#include "model/rule.h"
#include "text/uri.h"

/* "note" is SARIF's word for a notice (3.27.10). */
static const char *level(enum severity s)
{
    return s == FINDING_NOTICE ? "note" : severity_name(s);
}

/* Braces stand for arguments in a message and are doubled (3.11.5). */
static char *message(const char *text, const char *hint)
{
    own(str_fini) char *all = hint ? str_print("%s; %s", text, hint) : str_new(text);
    struct buf b = {0};
    for (const char *p = all; *p; p++) {
        buf_char(&b, *p);
        if (*p == '{' || *p == '}')
            buf_char(&b, *p);
    }
    return buf_take(&b);
}

/* Relative to the working directory, which is a repository's root in CI; else a file: URL. */
static char *artifact_uri(const char *file)
{
    char cwd[PATH_MAX], real[PATH_MAX];
    size_t n = getcwd(cwd, sizeof(cwd)) ? strlen(cwd) : 0;
    while (str_begins(file, "./"))
        for (file++; *file == '/';)
            file++;
    if ((*file == '/' || strstr(file, "..")) && realpath(file, real))
        file = real;
    if (n && strncmp(file, cwd, n) == 0 && file[n] == '/')
        file += n + 1;
    return *file == '/' ? uri_of_path(file) : uri_below("", file);
}

/* Columns count UTF-16 code units, SARIF's default and what tools assume that do not read
 * columnKind (3.14.17). Ours are bytes. */
static unsigned units(const char *bytes, size_t n)
{
    unsigned column = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        column += (c & 0xc0) == 0x80 ? 0 : c >= 0xf0 ? 2 : 1;
    }
    return column;
}

/* A line ends with LF, CR LF or CR alone, as text/doc.h counts them. Findings come from the top to
 * the end, so that a document full of them is walked once. */
static bool walk_to(struct sarif_walk *w, const struct input *in, unsigned number, size_t bytes)
{
    if (!w->line || number < w->number || (number == w->number && bytes < w->bytes))
        *w = (struct sarif_walk){.line = in->bytes, .number = 1};
    while (w->number < number) {
        const char *end = w->line + strcspn(w->line, "\r\n");
        if (!*end)
            return false;
        end += end[0] == '\r' && end[1] == '\n' ? 2 : 1;
        *w = (struct sarif_walk){.line = end, .number = w->number + 1};
    }
    if (!w->length)
        w->length = strcspn(w->line, "\r\n");
    if (bytes > w->length)
        return false;
    w->units += units(w->line + w->bytes, bytes - w->bytes);
    w->bytes = bytes;
    if (!w->end)
        w->end = w->units + units(w->line + bytes, w->length - bytes);
    return true;
}

/* From where it stands to the end of its line. */
static json_t *region(const struct finding *f, const struct input *in, struct sarif_walk *w)
{
    if (!in || !f->column || !walk_to(w, in, f->line, f->column - 1))
        return json_pack("{s:I}", "startLine", (json_int_t)f->line);
    return json_pack("{s:I,s:I,s:I,s:I}", "startLine", (json_int_t)f->line, "startColumn",
                     (json_int_t)w->units + 1, "endLine", (json_int_t)f->line, "endColumn",
                     (json_int_t)w->end + 1);
}

void sarif_artifact(json_t *artifacts, const char *file)
{
    own(str_fini) char *uri = artifact_uri(file);
    json_object_set_new(artifacts, uri, json_pack("{s:{s:s}}", "location", "uri", uri));
}

json_t *sarif_result(const struct finding *f, const char *file, const struct input *in,
                     struct sarif_walk *walk)
{
    own(str_fini) char *text = message(f->text, f->hint);
    own(str_fini) char *uri = artifact_uri(file);
    json_t *place = json_pack("{s:{s:s}}", "artifactLocation", "uri", uri);
    json_t *location = json_pack("{s:o}", "physicalLocation", place);
    if (f->line)
        json_object_set_new(place, "region", region(f, in, walk));
    if (*f->pointer)
        json_object_set_new(location, "logicalLocations",
                            json_pack("[{s:s}]", "fullyQualifiedName", f->pointer));
    return json_pack("{s:s,s:i,s:s,s:{s:s},s:[o]}", "ruleId", f->rule, "ruleIndex",
                     rule_index(f->rule), "level", level(f->severity), "message", "text", text,
                     "locations", location);
}

static json_t *rule_json(const struct rule *rule)
{
    own(str_fini) char *help =
        *rule->clause ? str_print("%s (%s); see execdm-rules(7)", rule->meaning, rule->clause)
                      : str_print("%s; see execdm-rules(7)", rule->meaning);
    return json_pack("{s:s,s:{s:s},s:{s:s},s:{s:s},s:{s:s}}", "id", rule->id, "shortDescription",
                     "text", rule->meaning, "fullDescription", "text", rule->meaning, "help",
                     "text", help, "defaultConfiguration", "level", level(rule->severity));
}

json_t *sarif_log(json_t *artifacts, json_t *results, enum code code)
{
    json_t *list = json_array(), *files = json_array(), *file;
    const char *uri;
    for (const struct rule *rule = rule_rows; rule->id; rule++)
        json_array_append_new(list, rule_json(rule));
    json_object_foreach (artifacts, uri, file)
        json_array_append(files, file);
    json_t *driver = json_pack("{s:s,s:s,s:o}", "name", "execdm-validate", "semanticVersion",
                               PACKAGE_VERSION, "rules", list);
    json_t *run = json_pack("{s:{s:o},s:s,s:[{s:b,s:i}],s:o,s:O}", "tool", "driver", driver,
                            "columnKind", "utf16CodeUnits", "invocations", "executionSuccessful", 1,
                            "exitCode", (int)code, "artifacts", files, "results", results);
    return json_pack("{s:s,s:s,s:[o]}", "$schema", "https://json.schemastore.org/sarif-2.1.0.json",
                     "version", "2.1.0", "runs", run);
}

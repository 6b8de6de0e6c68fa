#include "runtime.h"
#include <dirent.h>
#include <sys/utsname.h>
#include "host/spawn.h"
#include "model/requirement.h"
#include "model/task.h"

#define WHEELS "/execdm/wheels"

struct runtime {
    const char *type, *tool, *package;
};

static const struct runtime runtimes[] = {
    {EXEC_TYPES "oci-container", "umoci", "umoci"},
    {EXEC_TYPES "python-program", "/usr/bin/python3", "python3"},
    {EXEC_TYPES "jupyter-notebook", "jupyter-nbconvert", "jupyter-nbconvert and python3-ipykernel"},
};

json_t *runtime_list(const json_t *config)
{
    json_t *list = json_array();
    struct err err = {0};
    bool sandboxed = sandbox_probe(json_text(config, "job-user"), &err) == 0;
    for (size_t i = 0; i < COUNT(runtimes); i++) {
        const char *name = runtimes[i].tool;
        own(str_fini) char *tool =
            *name == '/' && access(name, X_OK) == 0 ? str_new(name) : spawn_find_tool(name);
        json_t *row = json_pack("{s:s,s:b}", "type", runtimes[i].type, "ok", sandboxed && tool);
        if (!sandboxed)
            json_object_set_new(row, "reason", json_string(err.text));
        else if (!tool)
            json_object_set_new(row, "reason",
                                json_sprintf("%s is not installed; install %s", runtimes[i].tool,
                                             runtimes[i].package));
        json_array_append_new(list, row);
    }
    return list;
}

/* --- wheels --- */

int runtime_check(const json_t *config, struct err *err)
{
    const json_t *wheels = json_object_get(config, "wheels");
    const char *place = json_string_value(wheels);
    DIR *dir = place && *place == '/' ? opendir(place) : NULL;
    if (dir)
        closedir(dir);
    if (!wheels || dir)
        return 0;
    return err_set(err, CODE_CONFIG, "driver-options: expected wheels to name a directory, %s",
                   place ? place : "not so");
}

/* Does one of the words between the dots fit? */
static bool fits(const char *tags, bool (*one)(const char *tag, int minor), int minor)
{
    own(str_fini) char *copy = str_new(tags);
    char *rest = copy, *tag;
    while ((tag = strsep(&rest, ".")))
        if (one(tag, minor))
            return true;
    return false;
}

/* py3, py311, cp311: what is for a later Python than this is not for it. */
static bool fits_python(const char *tag, int minor)
{
    int of;
    return str_same(tag, "py3") || (sscanf(tag, "py3%d", &of) == 1 && of <= minor) ||
           (sscanf(tag, "cp3%d", &of) == 1 && of <= minor);
}

/* The machine code of an extension module is for one Python, unless it says that it keeps to what
 * all have (abi3). */
static bool fits_abi(const char *tag, int minor)
{
    int of;
    return str_same(tag, "none") || str_same(tag, "abi3") ||
           (sscanf(tag, "cp3%d", &of) == 1 && of == minor);
}

static bool fits_machine(const char *tag, int minor)
{
    struct utsname uts;
    (void)minor;
    uname(&uts);
    const char *at = strstr(tag, uts.machine);
    return str_same(tag, "any") || ((str_begins(tag, "linux") || str_begins(tag, "manylinux")) &&
                                    at && str_same(at + strlen(uts.machine), ""));
}

/* Cuts off what follows the last hyphen, and gives it. */
static char *last_part(char *name)
{
    char *hyphen = strrchr(name, '-');
    if (!hyphen)
        return NULL;
    *hyphen = '\0';
    return hyphen + 1;
}

/* NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl: "name==version" when it is for this machine. The
 * caller frees. */
static char *wheel_of(const char *file, int minor)
{
    const char *end = strrchr(file, '.');
    if (!end || !str_same(end, ".whl"))
        return NULL;
    own(str_fini) char *name = str_print("%.*s", (int)(end - file), file);
    const char *platform = last_part(name), *abi = platform ? last_part(name) : NULL;
    const char *python = abi ? last_part(name) : NULL;
    char *version = strchr(name, '-');
    if (!python || !version || !fits(python, fits_python, minor) || !fits(abi, fits_abi, minor) ||
        !fits(platform, fits_machine, minor))
        return NULL;
    own(str_fini) char *plain = requirement_name(name, (size_t)(version - name));
    version++;
    return str_print("%s==%.*s", plain, (int)strcspn(version, "-"), version);
}

static json_t *list_wheels(const char *place, int minor)
{
    json_t *list = json_array();
    DIR *d = opendir(place);
    for (const struct dirent *e; d && (e = readdir(d));) {
        own(str_fini) char *wheel = wheel_of(e->d_name, minor);
        if (wheel)
            json_array_append_new(list, json_string(wheel));
    }
    if (d)
        closedir(d);
    return list;
}

/* pip leaves alone what is installed and will do. What it installs goes below HOME, which is the
 * job's own, and where Python looks first. */
void runtime_install(struct sandbox *s, const json_t *exec, const json_t *config)
{
    static const char *const words[] = {
        "/bin/sh", "-c",
        "PIP_BREAK_SYSTEM_PACKAGES=1 /usr/bin/python3 -m pip install --quiet --user --no-index"
        " --find-links=" WHEELS " --no-cache-dir --disable-pip-version-check --no-input"
        " --no-warn-script-location --requirement=\"$0\" >&2 ||"
        " { echo 'execdm: the requirements cannot be installed from the wheels here' >&2; exit 1; "
        "}\n"
        "exec \"$@\""};
    const char *requirements = json_text(exec, "requirements");
    const char *wheels = json_text(config, "wheels");
    if (!requirements || !wheels)
        return;
    sandbox_mount(s, wheels, WHEELS, false);
    for (size_t i = 0; i < COUNT(words); i++)
        strs_add(&s->argv, words[i]);
    strs_add(&s->argv, requirements);
}

/* --- what is installed --- */

/* 41 packages in under a millisecond, where Python itself takes a hundred times that: what is
 * installed has a directory NAME-VERSION.dist-info, or NAME-VERSION[-py3.x].egg-info. */
static void add_modules(json_t *modules, const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));) {
        const char *name = e->d_name, *dot = strrchr(name, '.');
        if (!dot || (!str_same(dot, ".dist-info") && !str_same(dot, ".egg-info")))
            continue;
        const size_t n = strcspn(name, "-");
        own(str_fini) char *plain = requirement_name(name, n);
        own(str_fini) char *version =
            name + n < dot ? str_print("%.*s", (int)(dot - name - n - 1), name + n + 1) : NULL;
        char *python = version ? strstr(version, "-py") : NULL;
        if (python)
            *python = '\0';
        if (version && !json_object_get(modules, plain))
            json_object_set_new(modules, plain, json_string(version));
    }
    if (d)
        closedir(d);
}

/* Every name in a directory. */
static void add_names(json_t *names, const char *dir)
{
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            json_array_append_new(names, json_string(e->d_name));
    if (d)
        closedir(d);
}

/* What a program finds of Python in its sandbox, where /usr is the machine's own. */
void runtime_facts(json_t *facts, const json_t *config)
{
    char *argv[] = {"/usr/bin/python3", "-V", NULL};
    own(spawn_fini) struct spawn s = {.argv = argv, .deadline_ms = 5000};
    struct err ignored = {0};
    int major, minor;
    if (access(argv[0], X_OK) < 0 || spawn_run(&s, &ignored) != 0 || !s.out.bytes ||
        sscanf(s.out.bytes, "Python %d.%d", &major, &minor) != 2)
        return;
    const char *version = s.out.bytes + strlen("Python ");
    json_t *modules = json_object(), *kernels = json_array();
    own(str_fini) char *local = str_print("/usr/local/lib/python%d.%d/dist-packages", major, minor);
    own(str_fini) char *site = str_print("/usr/lib/python%d.%d/site-packages", major, minor);
    const char *const dirs[] = {local, "/usr/lib/python3/dist-packages", site};
    for (size_t i = 0; i < COUNT(dirs); i++)
        add_modules(modules, dirs[i]);
    add_names(kernels, "/usr/local/share/jupyter/kernels");
    add_names(kernels, "/usr/share/jupyter/kernels");
    json_object_set_new(facts, "python",
                        json_sprintf("%.*s", (int)strcspn(version, " +\n"), version));
    json_object_set_new(facts, "modules", modules);
    json_object_set_new(facts, "kernels", kernels);
    if (json_text(config, "wheels") && json_object_get(modules, "pip"))
        json_object_set_new(facts, "wheels", list_wheels(json_text(config, "wheels"), minor));
}

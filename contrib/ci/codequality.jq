# execdm-validate --report=json, as GitLab's Code Quality report wants it.
[.documents[] as $d | $d.findings[] | {
    description: (.text + if .hint then "; " + .hint else "" end),
    check_name: .rule,
    fingerprint: ([$d.file, $d.index, .pointer, .rule, .text] | map(tostring) | join(" ") | @base64),
    severity: {error: "major", warning: "minor", notice: "info"}[.severity],
    location: {path: $d.file, lines: {begin: (.line // 1)}}
}]

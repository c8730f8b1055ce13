//! Detectors of host, process, container and Kubernetes pod. They read files and variables, and use
//! no network.

use std::fs::read_to_string;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::ResourceDetector;
use opentelemetry_semantic_conventions::resource::{
    CONTAINER_ID, HOST_ARCH, HOST_ID, HOST_NAME, K8S_CONTAINER_NAME, K8S_NAMESPACE_NAME,
    K8S_NODE_NAME, K8S_POD_NAME, K8S_POD_UID, OS_TYPE, PROCESS_EXECUTABLE_NAME,
    PROCESS_EXECUTABLE_PATH, PROCESS_PID, PROCESS_RUNTIME_NAME,
};

use super::merge;

const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Adds attributes of the surroundings to a resource. What cannot be read is left out.
///
/// ```
/// use lianlu_sdk::resource::Detector;
/// use opentelemetry_sdk::Resource;
///
/// let resource = Resource::builder()
///     .with_detectors(&[Box::new(Detector::Host), Box::new(Detector::Process)])
///     .build();
/// # let _ = resource;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detector {
    /// `host.name`, `host.id` (the machine id, on Linux), `host.arch` and `os.type`.
    Host,
    /// `process.pid`, `process.executable.name` and `.path`, and `process.runtime.name`. Not the
    /// arguments, which may have secrets.
    Process,
    /// `container.id`, from the control groups and mounts of the process (Linux).
    Container,
    /// In a pod: `k8s.namespace.name` (of the service account), `k8s.pod.name` (the host's name, or
    /// the variable), `k8s.pod.uid`, and `k8s.node.name` and `k8s.container.name`, which only the
    /// variables `K8S_NODE_NAME` and `K8S_CONTAINER_NAME` tell. Each is preferably taken from the
    /// variable of its name: `K8S_NAMESPACE_NAME`, `K8S_POD_NAME`, `K8S_POD_UID`.
    Kubernetes,
}

impl ResourceDetector for Detector {
    fn detect(&self) -> Resource {
        let attributes = match self {
            Self::Host => host(),
            Self::Process => process(),
            Self::Container => {
                let id = container_id(&file("/proc/self/cgroup"), &file("/proc/self/mountinfo"));
                id.map(|id| KeyValue::new(CONTAINER_ID, id))
                    .into_iter()
                    .collect()
            }
            Self::Kubernetes => kubernetes(),
        };
        Resource::builder_empty()
            .with_attributes(attributes)
            .build()
    }
}

/// `resource` with what these detectors find. Its own attributes take precedence.
#[must_use]
pub fn detect(detectors: &[Detector], resource: Resource) -> Resource {
    let mut found = Vec::new();
    for detector in detectors {
        let detected = detector.detect();
        let new = detected
            .iter()
            .filter(|(key, _)| resource.get_ref(key).is_none());
        found.extend(new.map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
    }
    merge(&resource, found)
}

fn file(path: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The first value that is not empty.
fn put<const N: usize>(out: &mut Vec<KeyValue>, key: &'static str, values: [String; N]) {
    let value = values.into_iter().find(|value| !value.is_empty());
    out.extend(value.map(|value| KeyValue::new(key, value)));
}

fn host_name() -> String {
    let kernel = file("/proc/sys/kernel/hostname");
    let names = [kernel, variable("HOSTNAME"), variable("COMPUTERNAME")];
    let name = names.into_iter().find(|name| !name.is_empty());
    name.unwrap_or_default()
}

fn host() -> Vec<KeyValue> {
    let mut out = Vec::new();
    put(&mut out, HOST_NAME, [host_name()]);
    let ids = [file("/etc/machine-id"), file("/var/lib/dbus/machine-id")];
    put(&mut out, HOST_ID, ids);
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    };
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    out.extend([KeyValue::new(HOST_ARCH, arch), KeyValue::new(OS_TYPE, os)]);
    out
}

fn process() -> Vec<KeyValue> {
    let mut out = vec![
        KeyValue::new(PROCESS_PID, i64::from(std::process::id())),
        KeyValue::new(PROCESS_RUNTIME_NAME, "rust"),
    ];
    if let Ok(path) = std::env::current_exe() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        put(&mut out, PROCESS_EXECUTABLE_NAME, [name.into_owned()]);
        put(
            &mut out,
            PROCESS_EXECUTABLE_PATH,
            [path.to_string_lossy().into_owned()],
        );
    }
    out
}

fn kubernetes() -> Vec<KeyValue> {
    let mut out = Vec::new();
    if variable("KUBERNETES_SERVICE_HOST").is_empty() {
        return out;
    }
    let uid = pod_uid(&file("/proc/self/mountinfo")).unwrap_or_default();
    put(
        &mut out,
        K8S_NAMESPACE_NAME,
        [variable("K8S_NAMESPACE_NAME"), file(NAMESPACE)],
    );
    put(
        &mut out,
        K8S_POD_NAME,
        [variable("K8S_POD_NAME"), host_name()],
    );
    put(&mut out, K8S_POD_UID, [variable("K8S_POD_UID"), uid]);
    put(&mut out, K8S_NODE_NAME, [variable("K8S_NODE_NAME")]);
    put(
        &mut out,
        K8S_CONTAINER_NAME,
        [variable("K8S_CONTAINER_NAME")],
    );
    out
}

/// The id of the container: 64 hex digits at the end of a control group's path (version 1), or in
/// the path of a mount that the runtime has made for the container (version 2).
fn container_id(groups: &str, mounts: &str) -> Option<String> {
    let is_id = |text: &str| text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let of_group = groups.lines().find_map(|line| {
        let last = line.rsplit(['/', ':']).next()?;
        // docker-<id>.scope, cri-containerd-<id>.scope
        let last = last.strip_suffix(".scope").unwrap_or(last);
        let id = last.rsplit('-').next()?;
        is_id(id).then(|| id.to_owned())
    });
    let mut files = mounts.lines().filter(|line| {
        let files = ["/hostname ", "/resolv.conf ", "/hosts "];
        // containerd keeps them for the pod, by the id of its pause container.
        files.iter().any(|file| line.contains(file)) && !line.contains("/sandboxes/")
    });
    of_group.or_else(|| {
        let id = files.find_map(|line| line.split(['/', ' ']).find(|part| is_id(part)));
        id.map(str::to_owned)
    })
}

/// The pod's uid: in the path of the mounts that kubelet has made for it.
fn pod_uid(mounts: &str) -> Option<String> {
    let mut after = mounts.split("/kubelet/pods/").skip(1);
    let uid = after.find_map(|rest| rest.split(['/', ' ']).next())?;
    (uid.len() == 36).then(|| uid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7be92808767a667f35c8505cbf40d14e931ef6db5b0210329cf193b15ba9d605";
    const UID: &str = "e5e3a8f1-6d6c-4ae7-ba2a-38b1bd2a0ea6";

    #[test]
    fn finds_the_container() {
        let mount = |path: &str, at: &str| format!("1 2 0:3 {path} {at} rw - ext4 /dev/a rw");
        for (groups, mounts, found) in [
            (format!("12:cpu:/docker/{ID}"), String::new(), true),
            (
                format!("1:name=systemd:/kubepods/pod{UID}/{ID}"),
                String::new(),
                true,
            ),
            (
                format!("0::/system.slice/docker-{ID}.scope"),
                String::new(),
                true,
            ),
            (
                format!("0::/a/cri-containerd-{ID}.scope"),
                String::new(),
                true,
            ),
            (
                "0::/".into(),
                mount(&format!("/c/{ID}/hostname"), "/etc/hostname"),
                true,
            ),
            (
                "0::/".into(),
                mount(&format!("/c/{ID}/hosts"), "/etc/hosts"),
                true,
            ),
            (
                "0::/".into(),
                mount(
                    &format!("/c/io.containerd.grpc.v1.cri/sandboxes/{ID}/hostname"),
                    "/etc/hostname",
                ),
                false,
            ),
            // A volume may have any name.
            (
                "0::/".into(),
                mount(&format!("/c/{ID}/data"), "/data"),
                false,
            ),
            (
                "0::/".into(),
                mount("/a/b/hostname", "/etc/hostname"),
                false,
            ),
            (
                "0::/user.slice/session-2.scope".into(),
                String::new(),
                false,
            ),
        ] {
            let id = container_id(&groups, &mounts);
            assert_eq!(id.as_deref(), found.then_some(ID), "{groups} {mounts}");
        }
    }

    #[test]
    fn finds_the_pod() {
        let mounts = format!("1 2 8:1 /var/lib/kubelet/pods/{UID}/etc-hosts /etc/hosts rw - a b c");
        assert_eq!(pod_uid(&mounts).as_deref(), Some(UID));
        assert_eq!(pod_uid("1 2 8:1 / / rw"), None);
    }

    #[test]
    fn own_attributes_take_precedence_over_detected_ones() {
        let own = Resource::builder_empty().with_attribute(KeyValue::new(HOST_NAME, "mine"));
        let all = detect(&[Detector::Host, Detector::Process], own.build());
        let text = |key| {
            all.get(&opentelemetry::Key::new(key))
                .map(|it| it.to_string())
        };
        assert_eq!(text(HOST_NAME).unwrap(), "mine");
        assert_eq!(text(PROCESS_PID).unwrap(), std::process::id().to_string());
        assert!(text(OS_TYPE).is_some() && text(HOST_ARCH).is_some());
    }
}

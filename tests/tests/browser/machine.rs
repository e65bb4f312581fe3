//! What lies around the page: the browser's permissions and downloads, files of the machine, what the network lets pass.

use std::path::Path;

use fantoccini::Locator;
use serde_json::json;

use crate::driver::Page;

impl Page {
    /// The page may use the clipboard.
    pub(crate) async fn allow_clipboard(&self) {
        let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.devtools("Browser.grantPermissions", permissions).await;
    }

    /// What the page gives to save is written into this folder.
    pub(crate) async fn save_into(&self, folder: &Path) {
        let folder = folder.to_str().expect("it is UTF-8");
        let behaviour = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", behaviour).await;
    }

    /// Chooses a file in the page's picker.
    pub(crate) async fn bring(&self, file: &Path) {
        let picker = self.element(Locator::Css("#file")).await;
        picker.send_keys(file.to_str().expect("it is UTF-8")).await.expect("the picker takes a file");
        self.settle().await;
    }

    /// The id of the element that has the focus.
    pub(crate) async fn focused(&self) -> String {
        self.script("return document.activeElement?.id ?? ''").await.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script at the beginning of every page from now on, before the page's own; how that is called.
    pub(crate) async fn before_each_page(&self, script: &str) -> String {
        let added = self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
        added["identifier"].as_str().expect("it has a name").to_owned()
    }

    /// Runs it no longer.
    pub(crate) async fn forget_before_each_page(&self, name: &str) {
        self.devtools("Page.removeScriptToEvaluateOnNewDocument", json!({ "identifier": name })).await;
    }

    /// Lets no request for such an address pass, from now on, and keeps nothing of what passed before.
    pub(crate) async fn block(&self, addresses: &[&str]) {
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.setBypassServiceWorker", json!({ "bypass": true })).await;
        self.devtools("Network.setBlockedURLs", json!({ "urls": addresses })).await;
    }
}
